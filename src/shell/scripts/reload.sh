# shellcheck shell=sh
# Makes running services read what is now there: graceful, by the signal that the service's own
# unit file would send, so that it also works where there is no systemd. Run as root.
# php-fpm ends its pid file without a line break, which read takes for a failure.
master_of() {
	master=
	[ -f "$1" ] && { read -r master <"$1" || [ -n "$master" ]; }
}
# Reloads the php-fpm whose master is $1, and waits until its workers are gone: until then they
# would answer a gate with the code of the release before. One that is busy is waited for 10 s.
restart_workers() {
	workers=
	[ -r "/proc/$1/task/$1/children" ] && read -r workers <"/proc/$1/task/$1/children"
	kill -USR2 "$1" 2>/dev/null || return 1
	tries=100
	for worker in $workers; do
		while [ -d "/proc/$worker" ] && [ "$tries" -gt 0 ]; do
			tries=$((tries - 1))
			sleep 0.1 2>/dev/null || { sleep 1 && tries=$((tries - 9)); }
		done
	done
	return 0
}
reload_php_fpm() {
	found=
	for pid in /run/php/*.pid /run/php-fpm/*.pid /run/php-fpm.pid /var/run/php-fpm.pid; do
		master_of "$pid" && restart_workers "$master" && found=yes
	done
	[ -n "$found" ] || fail reload 'no running php-fpm was found (no pid file below /run/php or /run/php-fpm)'
}
# For sites that may live without PHP.
reload_php_fpm_if_any() {
	(reload_php_fpm) 2>/dev/null || :
}
reload_nginx() {
	nginx -t -q || fail reload 'nginx does not accept its configuration'
	for pid in /run/nginx.pid /var/run/nginx.pid; do
		master_of "$pid" && kill -HUP "$master" 2>/dev/null && return 0
	done
	fail reload 'no running nginx was found (no pid file /run/nginx.pid)'
}
