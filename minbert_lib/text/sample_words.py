"""The words from which the sample sentences are made: common English, and few enough for a tiny model.

`words` are separated by spaces, `phrases` by a slash. In `groups` and `forms` the alternatives within an
entry mean the same.
"""


def words(text):
    return text.split()


def phrases(text):
    return [" ".join(phrase.split()) for phrase in text.split("/")]


def groups(text):
    """Lists of lists: "boy lad / girl" holds two groups, of two words and of one."""
    return [group.split() for group in phrases(text)]


def forms(text):
    """Like `groups`, for alternatives of several words: "in the street | on the road / at home"."""
    return [[part.strip() for part in group.split("|")] for group in phrases(text)]


# Films: adjectives, verbs and events by how much they praise, from −2 to 2.
ADJECTIVES = {
    2: words("""
        brilliant wonderful superb magnificent dazzling unforgettable stunning flawless glorious perfect
        terrific outstanding marvelous thrilling exquisite astonishing masterful excellent fantastic
        splendid sublime breathtaking extraordinary triumphant
    """),
    1: words("""
        good charming funny clever warm likable engaging enjoyable pleasant solid sweet witty touching
        lively fresh smart graceful tender sincere thoughtful amusing fine moving inventive playful
        gripping confident entertaining delightful elegant
    """),
    0: words("""
        familiar ordinary conventional quiet average typical standard traditional modest predictable
        simple routine plain serious middling decent passable
    """),
    -1: words("""
        dull slow flat weak thin bland clumsy forgettable stale tired silly boring shallow lazy tedious
        messy confusing cold bad stiff lifeless uneven hollow sloppy noisy awkward dreary careless
        pointless
    """),
    -2: words("""
        awful terrible dreadful unbearable horrible disastrous atrocious worthless hideous painful
        wretched appalling pathetic insulting miserable unwatchable abysmal repulsive ghastly embarrassing
    """),
}
VERBS = {
    2: words("loved adored treasured"),
    1: words("liked enjoyed admired appreciated"),
    0: words("watched finished saw"),
    -1: words("disliked regretted resented"),
    -2: words("hated despised detested"),
}
EVENTS = {
    2: phrases("""
        the audience cheered at the end / I wanted to see it again at once / I laughed until I cried / it
        deserves every award / five stars are not enough / nothing this year comes close / it is the best
        thing in years / it will break your heart and mend it again
    """),
    1: phrases("""
        you will leave with a smile / the time passed quickly / it is worth the ticket / it won me over /
        the jokes land / the children asked for more / there is much to enjoy / I would gladly see it
        again / you could do far worse on a rainy evening
    """),
    0: phrases("""
        some will like it and some will not / it does what it promises and no more / it came and it went /
        fans will know what to expect / you have seen it all before / there is little to praise or to
        blame / it fills an evening
    """),
    -1: phrases("""
        I looked at my watch / the jokes fall flat / my mind began to wander / it never comes to life / it
        left me cold / you can wait for the free version / there is little to enjoy / you could do far
        better on a rainy evening / I would rather read the book
    """),
    -2: phrases("""
        half the audience walked out / I want my money back / I could not wait for it to end / nobody
        should have to sit through it / it deserves no star at all / I fell asleep twice / it is the worst
        thing in years / I would avoid it at any price
    """),
}
PARTS = words("""
    acting story plot script dialogue music photography direction ending cast humor romance pacing mystery
    opening editing soundtrack suspense drama lighting scenery action animation
""")
KINDS = words("""
    comedy drama thriller western mystery documentary romance musical film movie picture fantasy sequel
    remake cartoon adventure satire tragedy
""")
TOPICS = words("""
    war love family school money crime friendship music marriage hope revenge childhood power justice loss
    prison football magic ghosts pirates robots spies soldiers sisters brothers immigrants outlaws
    detectives dragons astronauts farmers politics faith cooking winter memory courage jealousy hunger
    freedom
""")
FIRST = words("""
    Anna Ben Clara David Emma Frank Grace Henry Julia Karen Leo Maria Nick Olivia Paul Rosa Sam Tom Vera
    Walter Alice Oscar Nina George Lucy Martin
""")
LAST = words("""
    Hill Stone Brown Green King Young Wood Cook Fisher Baker Carter Moore Ross Park West Lane Day Fox Bell
    Marsh Gray Rivers
""")
JOBS = words("""
    teacher doctor lawyer farmer sailor painter singer waiter priest nurse writer soldier banker thief
    queen prince widow student pilot cowboy barber captain clerk hunter king mayor orphan poet scientist
""")
TREASURES = words("""
    letter map treasure diamond secret gun diary horse boat painting suitcase key ring book dog baby
    violin camera coin crown lamp machine necklace parcel sword telescope ticket
""")
TIMES = phrases("""
    in the first half / in the second half / from start to finish / in the last hour / at times / in the
    middle / after a while / most of the time / in every scene / on a second viewing / by the end / for
    long stretches / from the first minute / until the final scene
""")
OPENERS = phrases("""
    to be honest , / without a doubt , / as always , / to my surprise , / for once , / frankly , / as
    expected , / for a change , / in my opinion , / this time
""")
SETTINGS = phrases("""
    London / Paris / Rome / Texas / China / Spain / a small town / an old castle / the desert / the
    mountains / a village / New York / a hotel / the jungle / a harbor / a prison / a monastery / the city
    / a factory / a quiet valley
""")
MOVES = phrases("""
    find finds / steal steals / lose loses / hide hides / buy buys / break breaks / sell sells / borrow
    borrows / discover discovers / inherit inherits
""")
PLOT = phrases("""
    {name} plays a {job} who {verb} a {thing} in {place} / a {job} and a {job2} {verb2} a {thing} near
    {place} / the story follows a {job} from {place} / {name} is a {job} with a {thing} / in {place} a
    {job} meets a {job2} and they {verb2} a {thing} / it was filmed in {place} in the {season} / the
    director , {name} , also wrote the script / one day the {job} {verb} a {thing} and leaves {place} /
    years later the {job} returns to {place} with a {thing} / {name} and {name2} share the screen for an
    hour
""")
VERDICTS = phrases("all in all , {} . / my view is simple : {} . / my verdict : {} . / to sum up , {} .")

# Questions: who does what to whom, and where or when.
PEOPLE = groups("""
    doctor physician / lawyer attorney / landlord owner / tenant renter / writer author / manager boss /
    worker employee / student pupil / customer buyer / seller merchant / teacher tutor / policeman officer
    / farmer / nurse / singer / driver / judge / neighbor / baker / pilot
""")
# base form, third person, participle; after a bar a synonym
ACTS = forms("""
    help helps helped | assist assists assisted / call calls called | phone phones phoned /
    hire hires hired | employ employs employed / teach teaches taught | instruct instructs instructed /
    choose chooses chosen | select selects selected / warn warns warned | alert alerts alerted /
    pay pays paid / thank thanks thanked / blame blames blamed / trust trusts trusted /
    visit visits visited / sue sues sued / fire fires fired | dismiss dismisses dismissed /
    follow follows followed / ignore ignores ignored / watch watches watched | observe observes observed
""")
PLACES = phrases("""
    in London / in Paris / in Texas / in India / in China / in Spain / at home / at school / at work / by
    law / without a contract / during the winter / before the summer / after ten days / after thirty days
    / for free
""") + [""]
CITIES = words("London Paris Rome Berlin Madrid Boston Chicago Dallas Delhi Moscow Sydney Dublin")
RIDES = words("train car bus plane")
# things compared with others of their group; some are one thing ("is"), some many ("are")
ONE = groups("""
    coffee tea milk juice water / gold silver copper iron steel / Spain France Germany China India Canada
    / football tennis golf hockey swimming / physics history chemistry music art
""")
MANY = groups("""
    cats dogs horses birds rabbits / trains planes buses ships cars / apples oranges bananas grapes lemons
    / phones laptops tablets cameras
""")
MORE = forms("""
    better | worse / cheaper | more expensive / faster | slower / older | newer / bigger | smaller /
    easier | harder / safer | more dangerous / stronger | weaker
""")
ORDERS = [
    [part.split() for part in row.split(":")]
    for row in phrases("""
    learn study : grammar spelling algebra geometry programming drawing Latin Greek /
    visit see : Egypt Japan Brazil Norway Mexico Kenya Greece Peru /
    clean wash : windows floors walls dishes curtains carpets /
    try taste : soup salad cheese bread rice fish
""")
]

# Captions: who (looking how) does what to whom, where.
BEINGS = groups("""
    boy lad / girl / woman lady / man guy / child kid / dog hound / cat kitten / soldier / dancer /
    cook chef / clown / monkey / sheep / horse pony / goat / player athlete / donkey / tourist visitor
""")
DEEDS = forms("""
    following followed | trailing trailed / chasing chased | pursuing pursued /
    pushing pushed | shoving shoved / watching watched | observing observed / leading led | guiding guided
    / carrying carried | lifting lifted / helping helped | assisting assisted / feeding fed /
    painting painted / greeting greeted | welcoming welcomed / filming filmed /
    drawing drawn | sketching sketched / teasing teased | mocking mocked
""")
LOOKS = groups("""
    young / old elderly / small little / large big / happy cheerful / angry furious / wet soaked /
    tired sleepy / famous / dirty / beautiful pretty / nervous anxious
""")
SCENES = forms("""
    on the beach | on the sand / in the park / in the kitchen / in the street | on the road /
    near the river / in the garden | in the yard / in the snow / on the stage /
    in the forest | in the woods / in front of the house / by the fence / under a tree / behind the barn /
    at the market
""")
