git init -q
mkdir -p real/src && mv lockstep.yml real/ && echo x > real/src/x && ln -s real link
