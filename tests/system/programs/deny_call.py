"""Runs a program to which one system call is denied (EPERM), as a container's seccomp profile does: deny_call.py CALL PROGRAM ARGUMENT..."""
import ctypes
import os
import struct
import sys

NUMBERS = {"perf_event_open": {"x86_64": 298, "aarch64": 241}}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
EPERM, SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 1, 0x00050000, 0x7FFF0000
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h; struct seccomp_data begins with the call's number


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def deny(number):
    steps = ((LOAD_NUMBER, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, SECCOMP_RET_ERRNO | EPERM),
             (RETURN, 0, 0, SECCOMP_RET_ALLOW))
    program = Program(len(steps), b"".join(struct.pack("HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


deny(NUMBERS[sys.argv[1]][os.uname().machine])
os.execvp(sys.argv[2], sys.argv[2:])
