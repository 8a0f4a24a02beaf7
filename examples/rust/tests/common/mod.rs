//! A Redis server for a test.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server of its own on a free port of the loopback interface, which ends with the value.
pub struct Server {
    process: Child,
    #[allow(dead_code, reason = "not every test needs it")]
    pub client: redis::Client,
    pub connection: redis::Connection,
}

impl Server {
    pub fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--dir", "/tmp", "--port", &port.to_string()]);
        let process = command.stdout(Stdio::null()).spawn().unwrap();
        let client = redis::Client::open(("127.0.0.1", port)).unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            match client.get_connection() {
                Ok(connection) => return Self { process, client, connection },
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
