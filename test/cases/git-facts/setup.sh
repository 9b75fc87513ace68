git init -q; git add .; git commit -qm all; git remote add origin https://user@example.com/org/repo.git
