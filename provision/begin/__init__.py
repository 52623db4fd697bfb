"""The first inventory: who the hosts are (`hosts_from`), what they say (`survey`), what fits them (`pins`), and the
text of a file that says so (`text`)."""
