# shellcheck shell=sh
# Reads what here would go on serving an old release after a switch. Writes nothing. Needs: root.
# shellcheck disable=SC2154,SC2086
# nginx hands PHP the path with the link in it, and PHP remembers where that led, unless the server
# is told `$realpath_root`.
grep -lRE '^[^#]*fastcgi_pass' /etc/nginx/sites-enabled /etc/nginx/conf.d /etc/nginx/nginx.conf 2>/dev/null |
	while IFS= read -r file; do
		grep -qE '^[^#]*realpath_root' "$file" || tell by_link "$file"
	done
# A container that mounts the link itself stays with the release that it led to when it started.
for tool in docker podman; do
	command -v "$tool" >/dev/null 2>&1 || continue
	ids=$("$tool" ps -q 2>/dev/null)
	[ -z "$ids" ] || "$tool" inspect -f '{{.Name}}{{range .Mounts}}:{{.Source}}{{end}}:' $ids 2>/dev/null |
		while IFS= read -r container; do
			case $container in *":$root/current:"* | *":$root/current/"*) tell mounted "${container%%:*}" ;; esac
		done
done
