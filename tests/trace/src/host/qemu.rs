//! Runs an image on the board that QEMU makes.

use core::time::Duration;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use std::{io, thread};

/// How long an image may run.
const PATIENCE: Duration = Duration::from_secs(100);

/// Runs `image` with `args` in `folder` until it exits; what it said.
pub(crate) fn run(image: &Path, folder: &Path, options: &[&str], args: &[&str]) -> Result<String, String> {
    let mut semihosting = String::from("enable=on,target=native,arg=image");
    for arg in args {
        semihosting.push_str(",arg=");
        semihosting.push_str(arg);
    }
    let child = Command::new("qemu-system-arm")
        .current_dir(folder)
        .args(["-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "null", "-nic", "none"])
        .args(options)
        .args(["-semihosting-config", &semihosting, "-kernel"])
        .arg(image)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "qemu-system-arm is not installed; Debian has it under that name".into(),
        _ => format!("qemu-system-arm: {error}"),
    })?;
    let (out, err) = (listen(child.stdout.take()), listen(child.stderr.take()));
    let status = wait(&mut child);
    let [out, err] = [out, err].map(|said| said.join().unwrap_or_default());
    match status {
        Ok(Some(0)) => Ok(out),
        Ok(code) => Err(format!("the board stopped with {code:?}; it said:\n{out}{err}")),
        Err(wrong) => Err(format!("{wrong}; it said:\n{out}{err}")),
    }
}

fn listen(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stream.map(|mut stream| stream.read_to_end(&mut said));
        String::from_utf8_lossy(&said).into_owned()
    })
}

fn wait(child: &mut Child) -> Result<Option<i32>, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.code()),
            Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(10)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("the board was not done after {} s", PATIENCE.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
