"""English words that people and tool authors use for the same thing: general knowledge, made for no set of tools.

Each line is a group; a word asked for also finds the others of its groups, for less than itself.
"""

from collections.abc import Callable, Iterable, Mapping

GROUPS = """
add append insert attach
analyze examine inspect evaluate assess analysis analytics
answer reply respond response
app application program software
appointment meeting event calendar schedule agenda
article news headline story press
article paper publication study research scholar academic journal literature
ask question query
book reserve reservation booking
book novel reading author library
browser web website webpage page site internet online
build create generate make produce compose construct
buy purchase order shop shopping
calculate compute calculation math arithmetic
call phone dial
cancel abort revoke
car vehicle automobile
change modify edit update alter adjust set
chart graph plot diagram visualization visualize figure
chat message conversation talk
check verify validate test confirm
choose select pick
clip video film youtube
close shut end stop finish terminate
code program script source programming
combine merge join concatenate
command shell terminal execute run
compare difference diff comparison versus
company firm business corporation enterprise
convert transform translate conversion export
copy duplicate clone
cost price fee charge expense
count number amount quantity total
cryptocurrency crypto bitcoin coin token
currency exchange forex
customer client
data dataset table record
database sql query table
date day calendar
delete remove erase clear drop
dictionary definition meaning define
directory folder path
disease illness condition medical health clinical
distance route direction navigation map travel
doc document docx word
doctor physician hospital clinic medical
download fetch retrieve
draw paint sketch image
drug medicine medication pharmaceutical
email mail inbox gmail
error bug issue problem fault
excel spreadsheet sheet xlsx csv workbook
extract parse scrape crawl
family relative
file document
film movie cinema
find search look locate seek discover lookup
flight airline airplane plane airport
food meal dish recipe cooking cuisine
forecast weather temperature climate
friend contact
fund stock share equity investment portfolio
game gaming player
get fetch retrieve obtain acquire read
git repository repo github commit
gpt llm model ai
grade rating review score rank ranking
guide tutorial instruction documentation docs
help assist support
holiday vacation trip travel tour tourism
home house property estate apartment rental
hotel accommodation lodging stay room
image picture photo photograph figure img
information info detail data
install setup deploy
job career work employment
keyword term topic subject
language translate translation
latest recent new newest current
law legal regulation
link url website
list show display view enumerate
load open read
location place address position coordinate geographic
log history record
market stock trading finance financial
memo note reminder
message sms text notification
move relocate transfer
music song track audio album
near nearby around close
note record write save
paragraph text section
password credential login account
pay payment bill invoice transaction
pdf document
person people user human
picture png jpg jpeg
place restaurant venue
plan itinerary schedule
play start launch
podcast audio episode
post publish tweet share upload
powerpoint presentation slide pptx deck
print display show
profile account user
project task issue ticket
rate price quote
read view open
rename move name
report summary document
restaurant dining eat food
save store write persist keep
science scientific academic
send submit deliver forward
sentiment opinion emotion
ship deliver delivery
size dimension resize
sort order arrange
speech voice audio spoken
station stop
station train railway
statistic metric figure
student education course learn learning school
subtitle transcript caption transcription
summarize summary summarise abstract digest
symbol ticker
tax income
team league sport match
time clock hour
title heading headline
translate conversion
trend trending popular hot top
university college school
video movie
website homepage domain
write create draft compose
zip archive compress
"""


def alike(terms: Callable[[str], Iterable[str]]) -> Mapping[str, tuple[str, ...]]:
    """Return term -> the terms like it, sorted; `terms` takes a text apart as the index does."""
    found: dict[str, set[str]] = {}
    for line in GROUPS.strip().splitlines():
        group = sorted(set(terms(line)))
        for term in group:
            found.setdefault(term, set()).update(group)
    return {term: tuple(sorted(others - {term})) for term, others in found.items()}
