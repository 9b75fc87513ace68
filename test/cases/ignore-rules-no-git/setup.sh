printf '*.tmp\n' > .gitignore
printf 'docs/\n' > .lockstepignore
mkdir docs
touch docs/page a.tmp b.txt
