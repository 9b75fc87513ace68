mkdir .lockstep
echo 'TOKEN=opensesame' > .lockstep/secrets.env
chmod 640 .lockstep/secrets.env
