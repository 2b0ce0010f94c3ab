# Ends one command of this connection: the $1th by age of the $2 that its sshd runs.
# Each is a session leader, so its process group goes with it. If their number is not as
# told, somebody else came or went meanwhile, and nothing is done.
count=0
victim=
children=
# The file does not end in a newline, so read fails although it has read.
read -r children <"/proc/$PPID/task/$PPID/children" || [ -n "$children" ] || exit 1
for child in $children; do
	[ "$child" = "$$" ] && continue
	count=$((count + 1))
	[ "$count" = "$1" ] && victim=$child
done
[ "$count" = "$2" ] && [ -n "$victim" ] || exit 1
kill -TERM "-$victim" || exit 1
sleep 1
kill -KILL "-$victim" 2>/dev/null
exit 0
