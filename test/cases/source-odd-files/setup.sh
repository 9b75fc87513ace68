mkdir d; cd d
printf 12345 > $'new\nline'
printf 123 > ./-run; chmod +x ./-run
printf quoted > "a b'\"c"
ln -s /etc/passwd outside; ln -s nowhere dangling
printf 1 > $'latin\xe9'
