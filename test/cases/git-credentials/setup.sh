git init -q; git add .; git commit -qm all
git remote add origin https://me:hunter2@example.com/org/app.git
git config http.https://example.com/.extraheader 'AUTHORIZATION: bearer hunter2'
GIT_REFLOG_ACTION='pull https://me:hunter2@example.com/org/app.git' git reset -q --soft HEAD
git config user.name me
grep -q hunter2 .git/config && grep -q hunter2 .git/logs/HEAD
