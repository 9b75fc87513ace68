git init -q; echo ignored > .gitignore; git add .; git commit -qm all
