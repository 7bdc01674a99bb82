//! What a hostile command tries, in the confined process. Each prints `won` if it got through.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, kill_process};

use crate::own_process::{ATTACK, program};

fn tell<T, E: std::fmt::Display>(what: &str, tried: Result<T, E>) {
    match tried {
        Ok(_) => println!("{what}: won"),
        Err(error) => println!("{what}: {error}"),
    }
}

pub fn attack(arguments: &[&str]) -> ExitCode {
    match arguments {
        ["network", address, socket] => {
            tell("tcp", TcpStream::connect(address));
            tell("listen", TcpListener::bind("127.0.0.1:0"));
            tell("udp", UdpSocket::bind("127.0.0.1:0"));
            tell("udp6", UdpSocket::bind("[::1]:0"));
            tell("socket", UnixStream::connect(socket));
            tell("own socket", UnixListener::bind("own"));
            tell("datagram", UnixDatagram::unbound());
            tell("pair of datagrams", UnixDatagram::pair());
            match UnixStream::pair() {
                Ok(_) => println!("pair: allowed"),
                Err(error) => println!("pair: {error}"),
            }
        }
        ["files", outside] => files(outside),
        ["signal", target] => {
            let target = Pid::from_raw(target.parse().expect("a number"));
            tell("kill", kill_process(target.expect("a number"), Signal::KILL));
            let limit = rustix::process::Rlimit { current: Some(10), maximum: Some(10) };
            tell(
                "limit",
                rustix::process::prlimit(target, rustix::process::Resource::Nofile, limit),
            );
        }
        ["session"] => {
            tell("session", rustix::process::setsid());
            tell("group", rustix::process::setpgid(None, None));
        }
        ["memory"] => {
            let mut held = Vec::new();
            loop {
                held.push(vec![1_u8; 1 << 20]);
                if held.len() > 4096 {
                    println!("won");
                    break;
                }
            }
        }
        ["memory-of-many", count] => {
            let count: usize = count.parse().expect("a number");
            let one = || Command::new(program()).args([ATTACK, "hold"]).spawn().expect("a child");
            let mut children: Vec<_> = (0..count).map(|_| one()).collect();
            for child in &mut children {
                let _status = child.wait();
            }
            println!("won");
        }
        ["hold"] => {
            let held = vec![1_u8; 60 << 20];
            std::thread::sleep(std::time::Duration::from_secs(30));
            println!("{}", held.len());
        }
        ["file", size] => {
            let size: usize = size.parse().expect("a number");
            let written = fs::File::create("large").and_then(|mut file| {
                for _ in 0..size >> 20 {
                    file.write_all(&vec![0; 1 << 20])?;
                }
                Ok(())
            });
            tell("file", written);
        }
        other => println!("unknown attack {other:?}: won"),
    }
    ExitCode::SUCCESS
}

/// Tries what can be done to the file `secret` of the folder `outside`, and to the system.
fn files(outside: &str) {
    let path = |name: &str| format!("{outside}/{name}");
    tell("read", fs::read(path("secret")));
    tell("list", fs::read_dir(outside));
    tell("write", fs::write(path("new"), "x"));
    tell("overwrite", fs::write(path("secret"), "x"));
    tell("append", fs::OpenOptions::new().append(true).open(path("secret")));
    tell(
        "truncate",
        rustix::fs::open(
            path("secret"),
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::TRUNC,
            rustix::fs::Mode::empty(),
        ),
    );
    tell("remove", fs::remove_file(path("secret")));
    tell("rename", fs::rename(path("secret"), "stolen"));
    tell("move out", fs::write("mine", "x").and_then(|()| fs::rename("mine", path("mine"))));
    tell("link", fs::hard_link(path("secret"), "stolen"));
    tell("folder", fs::create_dir(path("folder")));
    tell("mode", fs::set_permissions(path("secret"), fs::Permissions::from_mode(0o777)));
    tell("owner", std::os::unix::fs::chown(path("secret"), Some(1), Some(1)));
    let now = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
        last_modification: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
    };
    tell(
        "times",
        rustix::fs::utimensat(rustix::fs::CWD, path("secret"), &now, rustix::fs::AtFlags::empty()),
    );
    tell("shadow", fs::read("/etc/shadow"));
    tell("environment", fs::read(format!("/proc/{}/environ", std::os::unix::process::parent_id())));
    tell("root", rustix::process::chroot("."));
    let device = rustix::fs::mknodat(
        rustix::fs::CWD,
        "device",
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::RWXU,
        rustix::fs::makedev(1, 3),
    );
    tell("device", device);
}
