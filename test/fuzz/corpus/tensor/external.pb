j
location../xp