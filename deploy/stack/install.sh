# Installs the packages named as arguments. Run as root by apt.go.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Debian's postgresql package makes and starts a cluster of its own on port 5432. Ours is private: where there is no
# cluster yet, none is made.
case " $* " in
*" postgresql "*)
	if [ ! -e /etc/postgresql ]; then
		mkdir -p /etc/postgresql-common/createcluster.d
		echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/campuscard.conf
	fi
	;;
esac

# Another apt may be at work, that of a second stack or of the machine itself: it is waited for.
apt="apt-get -o DPkg::Lock::Timeout=300"
$apt update
$apt install -y --no-install-recommends "$@"
