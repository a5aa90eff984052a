# Runs as root in an empty Debian root with systemd: installs, looks, upgrades, breaks, uninstalls.
# Lines `= NAME VALUE` are the evidence; the rest is for whoever reads the log.
cd /share/source || exit
exec 2>&1

figure() { echo "= $1 $2"; }
wait_for() { # wait_for SECONDS COMMAND...
    left=$1
    shift
    until "$@" >/dev/null; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 1
    done
}
pid() { systemctl show -P MainPID edgewatch; }
state() { systemctl show -P ActiveState edgewatch; }
is() { [ "$(state)" = "$1" ]; }
seen() { grep -qs "$1" /share/received; }
snapshot() { # of all that an installation could touch: name, mode, owner, size, target, time
    find /etc /opt /usr /var/lib/edgewatch -xdev ! -path '/var/lib/edgewatch/*' \
        -printf '%p %m %u %g %s %l %T@\n' 2>/dev/null | grep -Ev '^/etc/(passwd|group|g?shadow|subuid|subgid)-? |^/(etc|usr) ' | LC_ALL=C sort
}
leftovers() { # names that are here and were not in the empty root
    find /etc /opt /usr /var/lib /var/cache -xdev 2>/dev/null | LC_ALL=C sort | LC_ALL=C comm -13 /tmp/empty - |
        grep -Ev '^/var/lib/systemd|__pycache__'
}
# Written by bookkeeping of the system itself: before and after are alike but for these.
find /etc /opt /usr /var/lib /var/cache -xdev | LC_ALL=C sort >/tmp/empty

echo "== install"
sh scripts/install --wheels /share/wheels --config /share/edgewatch.toml
figure install_exit_code $?
figure running_after_install "$(is active && echo 1 || echo 0)"
figure event_arrived "$(wait_for 120 seen '/events ' && echo 1 || echo 0)"
snapshot >/tmp/before
main=$(pid)

echo "== install again"
sh scripts/install --wheels /share/wheels
figure second_exit_code $?
snapshot >/tmp/after
diff /tmp/before /tmp/after
figure second_run_changes "$(diff /tmp/before /tmp/after | grep -c '^[<>]')"
figure second_run_restarts "$([ "$(pid)" = "$main" ] && echo 0 || echo 1)"

echo "== hardening, while it infers"
systemctl status edgewatch --no-pager
systemd-analyze security edgewatch.service --no-pager | grep -v '✓'
figure exposure "$(systemd-analyze security edgewatch.service --no-pager | sed -n 's/.*Overall exposure.*: \([0-9.]*\) .*/\1/p')"
figure seccomp "$(sed -n 's/^Seccomp:\t//p' "/proc/$main/status")"
figure capabilities "$((0x$(sed -n 's/^CapBnd:\t//p' "/proc/$main/status")))"
figure memory_kb "$(sed -n 's/^VmHWM:[ \t]*\([0-9]*\) kB/\1/p' "/proc/$main/status")"
ss -lntup
figure listening "$(ss -Hlntup | grep -c "pid=$main,")"

echo "== crash"
kill -KILL "$main"
figure back_after_crash "$(wait_for 60 sh -c '[ "$(systemctl show -P ActiveState edgewatch)" = active ] && [ "$(systemctl show -P MainPID edgewatch)" != '"$main"' ]' && echo 1 || echo 0)"

echo "== upgrade"
echo '# kept' >>/etc/edgewatch/edgewatch.toml
before=$(readlink /opt/edgewatch/current) outbox=$(stat -c %i /var/lib/edgewatch/outbox.db)
config=$(sha256sum /etc/edgewatch/edgewatch.toml)
cp -R /share/source /tmp/newer
cp -R /share/wheels /tmp/newer-wheels
echo '# a newer lock' >>/tmp/newer/scripts/requirements/box.txt
sh /tmp/newer/scripts/install --wheels /tmp/newer-wheels
figure upgrade_exit_code $?
figure upgraded "$([ "$(readlink /opt/edgewatch/current)" != "$before" ] && [ ! -e "$before" ] && is active && echo 1 || echo 0)"
figure kept "$([ "$(sha256sum /etc/edgewatch/edgewatch.toml)" = "$config" ] && [ "$(stat -c %i /var/lib/edgewatch/outbox.db)" = "$outbox" ] && echo 1 || echo 0)"

echo "== a mistake in the configuration"
echo '[cameras.attic' >>/etc/edgewatch/edgewatch.toml
systemctl restart edgewatch
figure failure_told "$(wait_for 60 seen '/fault .*edgewatch.toml' && seen '/availability offline' && echo 1 || echo 0)"
journalctl -u 'edgewatch*' --no-pager

echo "== uninstall"
sh scripts/install --uninstall
figure uninstall_exit_code $?
leftovers
figure left_after_uninstall "$(leftovers | grep -Ecv '^/etc/edgewatch|^/var/lib/edgewatch|^/var/cache/edgewatch|^/usr/local/')"
sh scripts/install --purge
leftovers
figure left_after_purge "$(leftovers | grep -Ecv '^/usr/local/(lib/)?[a-z.]*(/[a-z.]*)?$')"
figure user_gone "$(id edgewatch 2>/dev/null && echo 0 || echo 1)"
