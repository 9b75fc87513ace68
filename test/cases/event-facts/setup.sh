git init -q; git add .; git commit -qm all; git checkout -qb topic
