chmod 755 run.sh
chmod 600 plain.txt
