mkdir .lockstep
echo '*' > .lockstep/.gitignore
echo secret > .lockstep/secrets.env
