# shellcheck shell=sh
# Tells what is at a path, not following a link at its end, and whether its directory is writable;
# once. $1 the path. Needs: tab nl.
# shellcheck disable=SC2154
looked=$nl
look() {
	at=$1
	case $looked in *"$nl$at$nl"*) return 0 ;; esac
	looked=$looked$at$nl
	place=${at%/*}
	while [ -n "$place" ] && [ ! -d "$place" ]; do place=${place%/*}; done
	place=${place:-/}
	if [ -L "$at" ]; then
		tell at "link$tab$at$tab$(readlink "$at")"
	elif [ -d "$at" ]; then
		tell at "directory$tab$at"
	elif [ -f "$at" ]; then
		tell at "file$tab$at"
	elif [ -e "$at" ]; then
		tell at "other$tab$at"
	elif [ ! -x "$place" ]; then
		tell at "denied$tab$at$tab$place"
	elif [ "$place" = "${at%/*}" ]; then
		tell at "absent$tab$at"
	else
		tell at "no_parent$tab$at$tab$place"
	fi
	[ -w "$place" ] || tell read_only "$place"
}
