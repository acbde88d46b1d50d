//! `yummyd`'s binary: reads the arguments and hands over to the library.

mod allocator;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    thread,
};

use clap::Parser as _;
use yummyd::{
    commands,
    config::{
        Config, ConfigError, LogFormat,
        args::{Args, Command},
    },
};

/// Usage or configuration is wrong.
const EXIT_USAGE: u8 = 1;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Asking for help is no error; clap's own exit code for the others is 2, which here means something else.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match run(args) {
        Ok(code) => code,
        Err(error) => {
            // One line, whatever the log level is: this is why there is no daemon.
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("yummyd: {error}\n"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn run(args: Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let file = args.config.as_deref();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let configure = |settings: yummyd::config::args::Settings| -> Result<Config, ConfigError> {
        Config::from_settings(settings.with_file(file)?, cores)
    };
    match args.command {
        None => {
            let config = configure(args.serve)?;
            start_log(&config);
            commands::serve(&config)?;
        }
        Some(Command::Check(settings)) => {
            let good = commands::check(&configure(settings)?, &mut io::stdout().lock())?;
            return Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_USAGE) });
        }
        Some(Command::Predict(predict)) => {
            let config = configure(predict.settings)?;
            commands::predict(&config, &predict.model, &predict.input, &mut io::stdout().lock())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn start_log(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::new(&config.log);
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
