//! Which device computes.

use std::panic;

use anyhow::{Context, bail};
use clap::ValueEnum;
use mnist2x2::Device;

use crate::console;

/// Whether Metal is part of this program: always on Apple silicon, elsewhere by feature.
const METAL: bool = cfg!(any(feature = "metal", all(target_os = "macos", target_arch = "aarch64")));

/// `--device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// Metal where it is built in and present, else the CPU
    Auto,
    /// The CPU
    Cpu,
    /// Apple's accelerator
    Metal,
    /// NVIDIA's accelerator, in programs built with `--features cuda`
    Cuda,
}

/// The device that was asked for.
///
/// # Errors
/// If it is not built in or not present; `auto` always finds one.
pub(crate) fn open(choice: Choice) -> anyhow::Result<Device> {
    match choice {
        Choice::Metal => metal(),
        Choice::Cuda if !cfg!(feature = "cuda") => {
            bail!("--device cuda: this program was built without CUDA; build it with `--features cuda`")
        }
        Choice::Cuda => Device::new_cuda(0).context("--device cuda: no usable CUDA device"),
        Choice::Auto if METAL => Ok(metal().unwrap_or_else(|error| {
            console::log(&format!("{error:#}; using the CPU"));
            Device::Cpu
        })),
        Choice::Auto | Choice::Cpu => Ok(Device::Cpu),
    }
}

/// The first Metal device. candle panics where there is none (a virtual machine, a remote login), so a panic here is
/// an answer and not a fault.
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
