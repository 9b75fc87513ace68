# Records are shared by all checkouts: this one begins with files that nobody has seen.
cat /proc/sys/kernel/random/uuid > one.txt
cp one.txt two.txt
