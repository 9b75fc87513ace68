mkdir .lockstep
echo 'BY_LIST="opensesame"' > .lockstep/secrets.env
chmod 600 .lockstep/secrets.env
echo opensesame > file
