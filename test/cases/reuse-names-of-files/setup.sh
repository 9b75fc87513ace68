touch $'two\nlines' $'odd\xff' ./-n 'a b'
rm -f setup.sh
