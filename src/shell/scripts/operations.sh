# shellcheck shell=sh
# Operations outside of releases. Each can be done again without harm, so a script that was cut is
# simply run again. What cannot be done goes to `obstacle`. Needs: meta.
# shellcheck disable=SC2154
put_link() {
	[ -L "$1" ] && [ "$(readlink "$1")" = "$2" ] && return 0
	if [ -e "$1" ] && [ ! -L "$1" ]; then
		obstacle "$1 is not a link"
		return 0
	fi
	ln -sfn "$2" "${1%/*}/.fleetctl.$$" && mv -fT "${1%/*}/.fleetctl.$$" "$1" && return 0
	rm -f "${1%/*}/.fleetctl.$$"
	obstacle "$1 cannot be made"
}
drop_link() {
	if [ -L "$1" ] && [ "$(readlink "$1")" = "$2" ]; then rm -f "$1" || obstacle "$1 cannot be removed"; fi
}
make_directory() {
	[ -d "$1" ] || mkdir "$1" || obstacle "$1 cannot be made"
}
drop_directory() {
	if [ -d "$1" ]; then rmdir "$1" 2>/dev/null || tell kept "$1"; fi
}
keep() {
	if [ -e "$meta/undo/$2" ] || [ -L "$meta/undo/$2" ]; then return 0; fi
	if [ -e "$1" ] || [ -L "$1" ]; then mv -T "$1" "$meta/undo/$2" || obstacle "$1 cannot be moved away"; fi
}
restore() {
	if [ -e "$meta/undo/$2" ] || [ -L "$meta/undo/$2" ]; then
		if [ -e "$1" ] || [ -L "$1" ]; then
			obstacle "$1 is taken, so what was there cannot come back"
			return 0
		fi
		mv -T "$meta/undo/$2" "$1" || obstacle "$1 cannot be brought back"
	fi
}
