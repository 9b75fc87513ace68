mkdir .lockstep
printf 'first line of the key\nsecond line of it\n' > .lockstep/key
printf '\0\001\377binary\nvalue\0end' > .lockstep/binary
