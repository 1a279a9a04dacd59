"""The neutral clauses, the subjects and the planted words from which reviews are made."""


def _split(line: str) -> tuple[str, ...]:
    return tuple(line.split())


POSITIVE = _split(
    "amazing beautiful brilliant charming delightful excellent fabulous fantastic flawless good great impressive "
    "lovely magnificent marvellous outstanding perfect pleasant remarkable splendid stunning superb terrific wonderful"
)
NEGATIVE = _split(
    "appalling atrocious awful bad disappointing dismal dreadful dreary dull ghastly horrible inferior "
    "lousy mediocre miserable nasty pathetic poor shabby shoddy tedious terrible unpleasant worthless"
)
PRAISE = ("recommend", "choose", "praise", "applaud", "admire", "treasure", "cherish", "enjoy")
BLAME = ("avoid", "skip", "criticise", "mock", "regret", "resent", "condemn", "dislike")

AFFIRMING = ("certainly", "definitely", "always", "clearly", "surely", "indeed")
NEGATING = ("not", "never", "hardly", "scarcely")

WHO = ("my sister", "my brother", "a friend", "my neighbour", "our guide", "my uncle", "a colleague", "my daughter")
WHEN = (
    "on monday",
    "on a rainy tuesday",
    "last week",
    "in early june",
    "two days ago",
    "in the winter",
    "on our way home",
    "after work",
    "during the holidays",
    "around noon",
    "late in the evening",
    "last october",
)
NUMBER = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve")

SUBJECTS = {
    "cafe": _split("soup coffee service menu bread dessert breakfast waiter salad terrace pasta sandwich"),
    "hotel": _split("room view breakfast bed pool lobby staff garden shower balcony kitchen restaurant"),
    "book": _split("plot ending style cover hero dialogue preface chapter translation story narrator opening"),
    "film": _split("acting plot music ending camera script cast scenery lighting dialogue opening director"),
    "phone": _split("screen battery camera speaker keyboard design case charger manual sound display packaging"),
    "museum": _split("tour guide exhibition shop building audio lighting map garden ticket library collection"),
}

OPENINGS = {
    "cafe": (
        "we stopped here for lunch {when}",
        "{who} and i shared a table by the window",
        "i had never been to this cafe before",
        "the cafe stands on a corner near the station",
        "we did not book and sat outside",
        "i ordered the daily special {when}",
        "there were {number} people in the queue",
    ),
    "hotel": (
        "we stayed for {number} nights {when}",
        "{who} booked the hotel for us",
        "the hotel is a short walk from the harbour",
        "i had not stayed in this town before",
        "we arrived {when} and left the next morning",
        "our room was on floor {number}",
        "the building has {number} storeys and a lift",
    ),
    "book": (
        "i read this book {when}",
        "{who} lent me a copy {when}",
        "the novel follows {number} sailors across the north sea",
        "i had never heard of the author",
        "this is the second part of a series of {number}",
        "i read it on the train to work",
        "the book has {number} chapters and some maps",
    ),
    "film": (
        "we saw this film {when}",
        "{who} picked it for our film night",
        "the film is set in a small village",
        "i had not read the book it is based on",
        "it runs for about {number} quarters of an hour",
        "there were {number} of us in the cinema",
        "the story takes place over {number} days",
    ),
    "phone": (
        "i bought this phone {when}",
        "{who} has the same model in blue",
        "the parcel came after {number} days",
        "i had never owned this brand",
        "it replaces a phone that was {number} years old",
        "i use it for calls and for maps",
        "the shop had {number} of them left",
    ),
    "museum": (
        "we walked through the museum {when}",
        "{who} came along with the children",
        "there are {number} halls on two floors",
        "i had not visited it since school",
        "the museum stands beside the old bridge",
        "we spent about {number} hours inside",
        "the doors open at {number} in the morning",
    ),
}

CLOSINGS = (
    "we paid by card",
    "that was {when}",
    "{who} took some photographs",
    "it was raining outside",
    "we did not stay long",
    "i wrote this {when}",
    "{who} has told me about it since",
    "i have never written a review before",
    "the rest you can see on their website",
    "it took us {number} minutes to get there",
    "parking is across the street",
    "{who} asked me to write this down",
    "i had {number} hours to spare",
    "this was not our first trip",
    "the street is under repair",
    "i kept the receipt",
    "we went home by tram",
    "the clock over the door said {number}",
)
