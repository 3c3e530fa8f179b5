"""What the sample clips say, and who says it. After a change run `python -m level1_api.make_samples`.

All texts are our own, in words that the embedded engine's dictionary holds (American spelling).
"""

from __future__ import annotations

from dataclasses import dataclass

from level1_api.samples import Kind


@dataclass(frozen=True)
class Say:
    """A voice reading a text, then `pause` seconds of digital silence."""

    voice: str  # a name in make_samples.VOICES
    text: str
    pause: float = 0.4

    @property
    def words(self) -> str:
        """The text on one line."""
        return " ".join(self.text.split())


@dataclass(frozen=True)
class Clip:
    """One sample: what is said, and what is done to it. The suffix of `file` chooses the container."""

    file: str
    title: str
    kind: Kind
    parts: tuple[Say, ...]
    snr_db: float | None = None  # speech power over the power of added pink noise
    note: str = ""


HARBOUR = Say(
    "slt",
    """Good morning from the harbor office. Today the wind is light and comes from the north. The morning
    will be dry, with some sun before noon. In the afternoon we expect clouds and a little rain. The water
    is still cold, so please wear a warm jacket. All boats must be back before nine this evening.""",
)
RECIPE = Say(
    "rms",
    """This soup takes about half an hour. Cut two onions and three carrots into small pieces. Cook them
    slowly in a little butter until they are soft. Add one large potato and four cups of water. Let it boil
    for twenty minutes, then add some salt and pepper. Serve the soup hot, with fresh bread.""",
)
STATION = Say(
    "kal",
    """Attention please. The train to the city leaves from platform two at a quarter past seven. It will
    stop at every station along the river. The restaurant car is at the front of the train. Please keep your
    bags with you at all times. We wish you a pleasant journey.""",
)
GARDEN = Say(
    "slt-hts",
    """Plant the beans in the last week of April, when the ground is no longer cold. Put two seeds in each
    hole, and leave a foot of space between the rows. Give them water every other day. After a week you
    should see the first green leaves. By the middle of summer there will be more beans than you can
    eat.""",
)
LIBRARY = Say(
    "awb",
    """The public library opens at ten in the morning and closes at six. You may borrow up to eight books
    for three weeks. The reading room is on the second floor, next to the maps and the old newspapers. If
    you cannot find a book, please ask at the desk.""",
)
LIGHTHOUSE = Say(
    "espeak",
    """The old lighthouse stands at the end of a long road. For a hundred years a family lived there and
    kept the lamp burning. Today a computer turns on the light, and nobody sleeps in the house. Visitors can
    climb the stairs on Sunday and look out over the sea.""",
)
PAUSE = (
    Say("slt", "I will stop talking for ten seconds, so that you can see what the program does.", 10.0),
    Say("slt", "Now I am back. Nobody said a word while I was away."),
)
DIALOGUE = (
    Say("slt", "Hello, is this the repair shop? My bicycle has a broken wheel."),
    Say("rms", "Yes, it is. We can look at it today. What color is your bicycle?"),
    Say("slt", "It is a red one with a basket on the front. How long will it take?"),
    Say("rms", "About two hours, if we have the right parts. You can wait here or come back after lunch."),
    Say("slt", "Thank you very much. I will come back at three."),
    Say("rms", "See you at three, then. Please bring the key for the lock."),
)
GREETING = Say("slt", "Welcome to the first step of the ladder. This is a voice made by a machine.", 0.2)
BRIDGE = Say("rms", "The bridge is closed on Monday. Please take the ferry to the island.", 0.2)

LADDER = (
    Say(
        "slt",
        """A ladder has six steps, and each step stands on the one below it. On the first step you ask a
        machine to do something for you. You send it a sound, and it sends back the words. You do not see
        how the work is done. You only see what goes in and what comes out. This is how most people begin,
        and there is nothing wrong with it. But you should know what the service costs, how long it takes,
        and how often it is wrong. The only way to know is to measure it. Take a few sounds of your own,
        write down what is said in them, and count the mistakes.""",
        1.2,
    ),
    Say(
        "rms",
        """On the second step you choose your words with care. The machine has read a great deal, but it has
        not read your own papers. So you look for the right page first, and you put that page in front of
        the question. Then you ask for an answer, and for the line that proves it. When the page does not
        hold the answer, a good system says so. It is better to say I do not know than to tell a nice story.
        Every answer can then be checked by somebody who has never seen the machine.""",
        1.2,
    ),
    Say(
        "slt-hts",
        """On the third step you open the box. Somebody else has built a machine that draws pictures, and
        you want it to draw in another way. You find the place where it takes its small steps from noise to
        picture. You change one number, and you watch what happens. Most changes make it worse. Now and then
        a change makes it better, and you have to find out why. Keep the old picture beside the new one, and
        write the number under it.""",
        1.2,
    ),
    Say(
        "kal",
        """On the fourth step you build a machine of your own. You begin with an empty page and a few simple
        blocks. You give it many examples, and it learns from its mistakes. At first it knows nothing at
        all. After an hour it can find the roads and the houses in a picture. You keep some examples in a
        drawer and do not look at them until the end. They tell you the truth about your work. If you look
        too soon, the machine learns to please you instead.""",
        1.2,
    ),
    Say(
        "rms",
        """On the fifth step you make a new kind of block. You read what other people have written, and you
        turn their ideas into code. You check each part against a slow and simple version, so that you know
        it is right. Then you make it fast. A fast answer that is wrong is no use to anyone. Here you learn
        how the parts really work, and how much time is spent in moving numbers from one place to another.
        When you are done, your block fits where the old one was, and the rest of the machine does not
        notice.""",
        1.2,
    ),
    Say(
        "slt",
        """On the last step you ask a question that nobody has answered yet. You write down what you expect
        before you look. You try it many times, because once can be luck. You change one thing at a time,
        and you keep a list of all that you tried. When the answer is not what you hoped for, you write that
        down too. Then you tell other people what you found, and how they can do the same and see it for
        themselves. They will climb on from there, and one day you will read what they have found.""",
    ),
)

CLIPS = (
    Clip("harbour.ogg", "Harbour weather report", "clean", (HARBOUR,)),
    Clip("recipe.ogg", "Soup in half an hour", "clean", (RECIPE,)),
    Clip("garden.ogg", "Beans in the garden", "clean", (GARDEN,)),
    Clip("station.ogg", "At the station", "clean", (STATION,), note="an older, buzzing voice"),
    Clip("library.ogg", "Opening hours", "clean", (LIBRARY,), note="a Scottish voice"),
    Clip(
        "lighthouse.ogg",
        "The old lighthouse",
        "clean",
        (LIGHTHOUSE,),
        note="a robot voice: the hardest of the clean ones",
    ),
    Clip("greeting.mp3", "A greeting, as MP3", "short", (GREETING,)),
    Clip("bridge.webm", "The bridge is closed, as a video", "short", (BRIDGE,)),
    Clip("harbour-windy.ogg", "Harbour weather report in a breeze", "noisy", (HARBOUR,), snr_db=25),
    Clip("harbour-storm.ogg", "Harbour weather report in a storm", "noisy", (HARBOUR,), snr_db=10),
    Clip("pause.ogg", "Ten seconds of nothing", "pause", PAUSE),
    Clip("dialogue.ogg", "Two speakers in a repair shop", "dialogue", DIALOGUE),
    Clip("ladder.ogg", "The six steps of the ladder", "long", LADDER),
    Clip("silence.flac", "Digital silence", "nothing", ()),
    Clip("noise.ogg", "White noise", "nothing", ()),
    Clip("hum.ogg", "Mains hum, 50 Hz", "nothing", ()),
)
