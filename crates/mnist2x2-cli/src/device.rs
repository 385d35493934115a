//! `--device` and `--threads`: what computes.

use std::num::NonZeroU16;
use std::panic;

use anyhow::{Context, bail};
use clap::ValueEnum;
use mnist2x2::{Device, Group, Workers};

use crate::console;

/// Whether Metal is part of this program: always on Apple silicon, elsewhere by feature.
const METAL: bool = cfg!(any(feature = "metal", all(target_os = "macos", target_arch = "aarch64")));

/// What computes, and on how many threads.
#[derive(clap::Args)]
pub(crate) struct ComputeArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// CPU threads [default: one per core, shared out among the processes of `mpirun`]; they change the speed, not the result
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroU16>,
}

/// What computes.
#[derive(clap::Args)]
pub(crate) struct DeviceArgs {
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: Choice,
}

/// `--device`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// Metal if it is built in and present, else the CPU
    #[default]
    Auto,
    /// The CPU
    Cpu,
    /// Apple's GPU
    Metal,
    /// NVIDIA's GPU, in programs built with `--features cuda`
    Cuda,
}

impl ComputeArgs {
    /// The threads that were asked for.
    pub(crate) fn workers(&self) -> anyhow::Result<Workers> {
        self.workers_in(&Group::alone())
    }

    /// The same in a process of `group`.
    pub(crate) fn workers_in(&self, group: &Group) -> anyhow::Result<Workers> {
        let threads = self.threads.map(|threads| threads.get().into()).or_else(|| group.usual_threads());
        Ok(Workers::new(threads)?.in_group(group.clone()))
    }
}

impl DeviceArgs {
    /// The options that ask for this device again.
    pub(crate) fn flags(&self) -> Vec<String> {
        match self.device.to_possible_value() {
            Some(value) if self.device != Choice::Auto => vec!["--device".into(), value.get_name().into()],
            _ => Vec::new(),
        }
    }

    /// The device that was asked for.
    ///
    /// # Errors
    /// If it is not built in or not present; `auto` always finds one.
    pub(crate) fn open(&self) -> anyhow::Result<Device> {
        match self.device {
            Choice::Metal => metal(),
            Choice::Cuda if !cfg!(feature = "cuda") => {
                bail!(
                    "--device cuda: this program was built without CUDA; build it with `--features cuda`, where NVIDIA's \
                     CUDA toolkit is (`nvcc` on the PATH, or its folder in CUDA_HOME)"
                )
            }
            Choice::Cuda => Device::new_cuda(0).context("--device cuda: no usable CUDA device"),
            Choice::Auto if METAL => Ok(metal().unwrap_or_else(|error| {
                console::log(&format!("{error:#}; using the CPU"));
                Device::Cpu
            })),
            Choice::Auto | Choice::Cpu => Ok(Device::Cpu),
        }
    }
}

/// The first Metal device. candle panics if there is none (a virtual machine, a remote login), so a panic here is an
/// answer and not a fault.
fn metal() -> anyhow::Result<Device> {
    if !METAL {
        bail!("--device metal: this program was built without Metal, which only Apple silicon has");
    }
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let opened = panic::catch_unwind(|| Device::new_metal(0));
    panic::set_hook(hook);
    match opened {
        Ok(device) => device.context("Metal cannot be used"),
        Err(_) => bail!("this machine offers no Metal device"),
    }
}
