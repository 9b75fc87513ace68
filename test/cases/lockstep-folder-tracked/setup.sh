git init -q; mkdir .lockstep; echo x > .lockstep/x; git add -f .; git commit -qm all
