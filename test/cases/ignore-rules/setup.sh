git init -q
printf 'build/\n*.tmp\n!keep.tmp\n' > .gitignore
printf 'docs/\n' > .lockstepignore
mkdir -p build docs src/deep .git/info
echo nested.txt > src/.gitignore
touch build/out docs/page a.tmp keep.tmp src/nested.txt src/new.txt tracked.tmp
git add -f tracked.tmp && git add . && git commit -qm all
touch untracked.txt
