//! NVIDIA's driver library (`libcuda.so.1`), queried for one attribute of a GPU: whether it shares
//! system memory (`CU_DEVICE_ATTRIBUTE_INTEGRATED`).
//!
//! Owns: the only `unsafe` of this crate.
//!
//! Invariants: no context is created, so no memory of the GPU is used; an absent library, a missing
//! function and every error code result in `None`, which is a normal case.
//!
//! Does not do: interpret the attribute ([`crate::gpu::nvidia`]).
#![expect(unsafe_code, reason = "a C library is loaded at run time, as most machines lack it")]

use std::ffi::{CString, OsStr, c_char, c_int, c_uint};
use std::mem::ManuallyDrop;

use libloading::{Library, Symbol};

/// File name of the library in the driver package.
const LIBCUDA: &str = "libcuda.so.1";

/// `CUDA_SUCCESS` of `CUresult`.
const SUCCESS: c_int = 0;

/// `CU_DEVICE_ATTRIBUTE_INTEGRATED` of `CUdevice_attribute`.
const INTEGRATED: c_int = 18;

type Init = unsafe extern "C" fn(flags: c_uint) -> c_int;
type DeviceByBusId = unsafe extern "C" fn(device: *mut c_int, bus_id: *const c_char) -> c_int;
type DeviceAttribute =
    unsafe extern "C" fn(value: *mut c_int, attribute: c_int, device: c_int) -> c_int;

/// Whether the GPU at `bus_id` (`000f:01:00.0`) shares system memory, by the driver of the running
/// machine.
pub(super) fn integrated(bus_id: &str) -> Option<bool> {
    integrated_by(LIBCUDA.as_ref(), bus_id)
}

/// As [`integrated`], by the library `name`.
fn integrated_by(name: &OsStr, bus_id: &str) -> Option<bool> {
    let bus_id = CString::new(bus_id).ok()?;
    // SAFETY: loading runs the library's initialisers; those of NVIDIA's driver have no
    // preconditions, as every CUDA program loads it in this way. It is never unloaded, as threads
    // of an initialised driver may still run in it.
    let library = unsafe { Library::new(name) }.ok().map(ManuallyDrop::new)?;
    // SAFETY: the types are those of `cuda.h`, whose functions are called with the C convention on
    // Unix. No function is called in this block.
    let (init, by_bus_id, attribute) = unsafe {
        let init: Symbol<'_, Init> = library.get(b"cuInit\0").ok()?;
        let by_bus_id: Symbol<'_, DeviceByBusId> = library.get(b"cuDeviceGetByPCIBusId\0").ok()?;
        let attribute: Symbol<'_, DeviceAttribute> = library.get(b"cuDeviceGetAttribute\0").ok()?;
        (init, by_bus_id, attribute)
    };
    let (mut device, mut value) = (0, 0);
    // SAFETY: `cuInit` takes 0 and may be called more than once; the others are called after it
    // succeeded, with a NUL-terminated string and with pointers to live integers that they write.
    let succeeded = unsafe {
        init(0) == SUCCESS
            && by_bus_id(&raw mut device, bus_id.as_ptr()) == SUCCESS
            && attribute(&raw mut value, INTEGRATED, device) == SUCCESS
    };
    succeeded.then_some(value != 0)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    /// A driver library with one device, number 7 at 000f:01:00.0, that is integrated; macros
    /// select variants.
    const DRIVER: &str = r#"
        #include <string.h>
        static int started = 0;
        int cuInit(unsigned flags) {
        #ifdef NO_DEVICE
            return 100;
        #endif
            started = flags == 0;
            return flags == 0 ? 0 : 1;
        }
        int cuDeviceGetByPCIBusId(int *device, const char *bus_id) {
            if (!started) return 3;
            if (strcmp(bus_id, "000f:01:00.0") != 0) return 101;
            *device = 7;
            return 0;
        }
        #ifndef NO_ATTRIBUTES
        int cuDeviceGetAttribute(int *value, int attribute, int device) {
            if (!started || attribute != 18 || device != 7) return 1;
        #ifdef DISCRETE
            *value = 0;
        #else
            *value = 1;
        #endif
            return 0;
        }
        #endif
    "#;

    /// Compiles the variant `kind` of the driver with the C compiler that llama.cpp also requires.
    /// Each has its own file, as a loaded library stays mapped.
    fn driver(directory: &tempfile::TempDir, kind: &str) -> PathBuf {
        let source = directory.path().join("driver.c");
        std::fs::write(&source, DRIVER).unwrap();
        let library = directory.path().join(format!("lib{kind}.so"));
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(&source)
            .arg(format!("-D{kind}"))
            .status()
            .unwrap();
        assert!(status.success(), "cc: {status}");
        library
    }

    #[test]
    fn the_attribute_of_the_device_at_an_address_is_read() {
        const BUS_ID: &str = "000f:01:00.0";
        let directory = tempfile::tempdir().unwrap();
        let shared = driver(&directory, "SHARED");
        assert_eq!(integrated_by(shared.as_os_str(), BUS_ID), Some(true));
        for elsewhere in ["0000:01:00.0", "000f:01\0:00.0"] {
            assert_eq!(integrated_by(shared.as_os_str(), elsewhere), None);
        }
        for (kind, expected) in
            [("DISCRETE", Some(false)), ("NO_DEVICE", None), ("NO_ATTRIBUTES", None)]
        {
            let library = driver(&directory, kind);
            assert_eq!(integrated_by(library.as_os_str(), BUS_ID), expected, "{kind}");
        }
    }

    #[test]
    fn without_the_driver_the_attribute_is_unknown() {
        assert_eq!(integrated_by("libno-such-driver.so.1".as_ref(), "000f:01:00.0"), None);
    }
}
