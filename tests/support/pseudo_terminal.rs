//! A person at a terminal: the binary's stdin and stderr are one end of a pseudo-terminal, the test holds the other.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::LocalModes;

/// Far more than any prompt takes.
const TIMEOUT: Duration = Duration::from_secs(20);
/// What a program wrote before its end is read by then.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// A run on a terminal.
pub struct TerminalSession {
    child: Child,
    keyboard: File,
    screen: Arc<(Mutex<String>, Condvar)>,
    reader_thread: std::thread::JoinHandle<()>,
    /// How much of the screen has been read by [`Session::expect`].
    read: usize,
}

/// How it ended.
pub struct TerminalOutput {
    pub code: i32,
    pub stdout: String,
    /// Everything that the terminal showed, escape codes included.
    pub screen: String,
    /// Whether the terminal shows what is typed.
    echoes: bool,
}

impl TerminalOutput {
    /// What was said last.
    pub fn last_line(&self) -> String {
        let plain = console::strip_ansi_codes(&self.screen);
        plain.trim_end().lines().last().unwrap_or_default().to_owned()
    }

    /// Sees that the terminal is as it was: what is typed is shown, and so is the cursor, at the beginning of a line.
    #[track_caller]
    pub fn assert_restored(&self) {
        assert!(self.echoes, "what is typed is not shown:\n{}", self.screen);
        let (hidden, shown) = (self.screen.rfind("\u{1b}[?25l"), self.screen.rfind("\u{1b}[?25h"));
        assert!(hidden <= shown, "the cursor is hidden: {:?}", self.screen);
        assert!(self.screen.ends_with('\n'), "a line without end: {:?}", self.screen);
    }
}

impl TerminalSession {
    /// Starts the command with a terminal; stdout stays a pipe.
    pub fn start(command: Command) -> Self {
        Self::spawn(command, false)
    }

    /// Starts the command with a terminal that is its stdout too.
    pub fn start_with_stdout(command: Command) -> Self {
        Self::spawn(command, true)
    }

    fn spawn(mut command: Command, stdout_too: bool) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("the right to it");
        unlockpt(&master).expect("its other end");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let open = || rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
        let [stdin, stdout, stderr]: [OwnedFd; 3] = [0; 3].map(|_| open().expect("the other end"));
        let stdout = if stdout_too {
            Stdio::from(stdout)
        } else {
            Stdio::piped()
        };
        command.env("TERM", "xterm").stdin(stdin).stdout(stdout).stderr(stderr);
        let child = command.spawn().expect("the binary starts");
        // The command holds this side of the terminal until it is dropped.
        drop(command);
        let screen = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().expect("a second handle");
        let seen = Arc::clone(&screen);
        let reading = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The last one to close the other end is seen as an error.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                seen.0
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..length]));
                seen.1.notify_all();
            }
        });
        Self {
            child,
            keyboard,
            screen,
            reader_thread: reading,
            read: 0,
        }
    }

    /// Waits until the text is shown, after what was expected before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> &mut Self {
        let until = Instant::now() + TIMEOUT;
        let mut screen = self.screen.0.lock().unwrap();
        loop {
            if let Some(at) = screen[self.read..].find(text) {
                self.read += at + text.len();
                drop(screen);
                return self;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "`{text}` was not shown:\n{screen}");
            screen = self.screen.1.wait_timeout(screen, left).unwrap().0;
        }
    }

    /// Waits until the terminal no longer shows what is typed: what was typed before that is thrown away.
    #[track_caller]
    pub fn expect_no_echo(&mut self) -> &mut Self {
        let until = Instant::now() + TIMEOUT;
        while self.echoes() {
            assert!(Instant::now() < until, "the terminal still shows what is typed");
            std::thread::sleep(Duration::from_millis(5));
        }
        self
    }

    fn echoes(&self) -> bool {
        let settings = rustix::termios::tcgetattr(&self.keyboard).expect("a terminal");
        settings.local_modes.contains(LocalModes::ECHO)
    }

    /// Types.
    pub fn send_keys(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).expect("a keyboard");
        self
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_raw(self.child.id() as i32).expect("an id");
        rustix::process::kill_process(id, signal).expect("a running program");
    }

    /// Waits for the end.
    pub fn wait(mut self) -> TerminalOutput {
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).expect("text");
        }
        let status = self.child.wait().expect("an end");
        // What was written last is still on its way to the reading thread. A process that another test began in that
        // moment may hold the other end open.
        let until = Instant::now() + DRAIN_TIMEOUT;
        while !self.reader_thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        TerminalOutput {
            code: status.code().unwrap_or(-1),
            stdout,
            echoes: self.echoes(),
            screen: self.screen.0.lock().unwrap().clone(),
        }
    }
}
