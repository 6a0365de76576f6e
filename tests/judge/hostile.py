"""Small programs that do what no backprop should, as they are loaded or as they are called: what becomes of them.

Each is one function; HERE is a folder of its own, NAP longer than any limit, `daemon()` leaves a process behind that
nothing of its own leads to: two forks, a session, an empty environment, another program.
"""

HEAD = """
import atexit, builtins, ctypes, faulthandler, gc, json, os, resource, signal, subprocess, sys, threading, time
import numpy as np
HERE, NAP = {here!r}, 45
def noted():
    with open(f"{{HERE}}/pid-{{os.getpid()}}", "w"): pass
def slept():
    noted(); time.sleep(NAP); os._exit(0)
def daemon():
    if os.fork(): return time.sleep(0.1)
    os.setsid()
    if os.fork(): os._exit(0)
    noted()
    os.closerange(0, 64)
    os.execve("/bin/sleep", ["sleep", str(NAP)], {{}})
def mischief():
    {code}
def backprop(weights, biases, x, y):
    {called}
    m = x.shape[1]; a = [x]
    for w, b in zip(weights, biases): a.append(1 / (1 + np.exp(-(w @ a[-1] + b))))
    d = [(a[-1] - y) * a[-1] * (1 - a[-1])]
    for w, h in zip(weights[:0:-1], a[-2:0:-1]): d.insert(0, w.T @ d[0] * h * (1 - h))
    return d, [v.sum(1, keepdims=True) / m for v in d], [v @ h.T / m for v, h in zip(d, a)]
{loaded}
"""

GONE, HANGS, RAISES, HARMLESS = {"exits"}, {"hangs"}, {"raises"}, set()
EVERY = "set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}"
ONCE = "if os.path.exists(f'{HERE}/once'): return\n    open(f'{HERE}/once', 'w').close()\n    "
MISCHIEF = {  # what it does: (the code, the kinds of trouble it may be when called; none is verified)
    "becomes sleep": ("os.execv('/bin/sleep', ['sleep', str(NAP)])", GONE),
    "becomes sleep, keeping its pipes": ("for n in range(3, 64):\n        try: os.set_inheritable(n, True)\n"
        "        except OSError: pass\n    os.execv('/bin/sleep', ['sleep', str(NAP)])", HANGS),
    "becomes true": ("os.execv('/bin/true', ['true'])", GONE),
    "becomes yes": ("for n in range(3, 64):\n        try: os.set_inheritable(n, True); os.dup2(n, 1)\n"
        "        except OSError: pass\n    os.execv('/usr/bin/yes', ['yes'])", GONE | HANGS),
    "closes its pipes and sleeps": ("os.closerange(3, 256); time.sleep(NAP)", GONE),
    "closes everything": ("os.closerange(0, 256)", GONE),
    "nothing in place of its pipes": ("for n in range(3, 64): os.dup2(1, n)", GONE | HANGS),
    "stops itself": ("os.kill(os.getpid(), signal.SIGSTOP)", HANGS),
    "stops its supervisor": ("os.kill(os.getppid(), signal.SIGSTOP); time.sleep(NAP)", HANGS),
    "kills its supervisor": ("os.kill(os.getppid(), signal.SIGKILL); time.sleep(NAP)", GONE),
    "ends its supervisor": ("os.kill(os.getppid(), signal.SIGTERM); os.kill(os.getppid(), signal.SIGINT)", HARMLESS),
    "hangs up on its supervisor": ("os.kill(os.getppid(), signal.SIGHUP)", HARMLESS),
    "masks all signals": (f"signal.pthread_sigmask(signal.SIG_SETMASK, {EVERY}); time.sleep(NAP)", HANGS),
    "ignores all signals": (f"for n in {EVERY}: signal.signal(n, signal.SIG_IGN)\n    time.sleep(NAP)", HANGS),
    "ignores all signals and goes on": (f"for n in {EVERY}: signal.signal(n, signal.SIG_IGN)", HARMLESS),
    "sleeps in a signal handler": ("signal.signal(signal.SIGALRM, lambda *_: time.sleep(NAP)); signal.alarm(1)\n"
        "    time.sleep(NAP)", HANGS),
    "sleeps in a handler, later": ("signal.signal(signal.SIGALRM, lambda *_: time.sleep(NAP))\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.0001)", HANGS),
    "a storm of alarms": ("signal.signal(signal.SIGALRM, lambda *_: None)\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)", HARMLESS),
    "ends by SIGALRM": ("signal.alarm(1); time.sleep(NAP)", GONE | HANGS),
    "loops": ("while True: pass", HANGS),
    "pauses": ("signal.pause()", HANGS),
    "deadlock": ("lock = threading.Lock(); lock.acquire(); lock.acquire()", HANGS),
    "waits for its child": ("pid = os.fork()\n    if not pid: slept()\n    os.waitpid(pid, 0)", HANGS),
    "waits in C": ("ctypes.CDLL(None).sleep(NAP)", HANGS),
    "computes in C": ("np.linalg.svd(np.ones((4000, 4000)))", HANGS),
    "sleeps with its output full": ("[os.write(1, b'x' * 4096) for _ in range(99)]; time.sleep(NAP)", HANGS),
    "fills the pipe of its answers": ("while True:\n        for n in range(3, 16):\n"
        "            try: os.write(n, b'x' * 65536)\n            except OSError: pass", GONE | HANGS),
    "nonsense in the pipe of its answers": ("for n in range(3, 16):\n        try: os.write(n, b'verified' * 9)\n"
        "        except OSError: pass", GONE | HANGS),
    "a frame without end": ("for n in range(3, 16):\n        try: os.write(n, b'\\0\\0\\1\\0\\0\\0\\0\\0x')\n"
        "        except OSError: pass\n    time.sleep(NAP)", HANGS),
    "a forged answer": ("text = b'{\"lengths\": [1, [1]], \"arrays\": []}'\n"
        "    data = (8 + len(text)).to_bytes(8, 'little') + len(text).to_bytes(8, 'little') + text\n"
        "    for n in range(3, 16):\n        try: os.write(n, data)\n        except OSError: pass", GONE | HANGS),
    "exits": ("sys.exit(0)", GONE),
    "exits at once": ("os._exit(0)", GONE),
    "aborts": ("os.abort()", GONE),
    "reads nowhere": ("ctypes.string_at(0)", GONE),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", GONE),
    "kills its group": ("os.killpg(0, signal.SIGKILL)", GONE),
    "ends itself": ("os.kill(os.getpid(), signal.SIGTERM)", GONE),
    "dumps and exits": ("faulthandler.dump_traceback_later(0.1, exit=True); time.sleep(NAP)", GONE),
    "presses Ctrl-C": ("signal.raise_signal(signal.SIGINT)", RAISES),
    "raises what cannot be told": ("class E(Exception):\n        def __str__(self): raise self\n    raise E", RAISES),
    "raises what exits when told": ("class E(Exception):\n        def __str__(self): os._exit(1)\n    raise E", GONE),
    "recursion": ("mischief()", RAISES),
    "no memory": ("resource.setrlimit(resource.RLIMIT_AS, (1, 1)); x = bytearray(10**8)", RAISES | GONE),
    "takes all memory": ("x = []\n    while True: x.append(bytearray(10**9))", RAISES | GONE | HANGS),
    "no processor time": ("resource.setrlimit(resource.RLIMIT_CPU, (0, 0))\n    while True: pass", GONE | HANGS),
    "no descriptors": ("resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))", HARMLESS),
    "a child that sleeps": ("if not os.fork(): slept()", HARMLESS),
    "children that fork": (ONCE + "for _ in range(5):\n        if not os.fork(): os.fork(); slept()", HARMLESS),
    "a child in a session of its own": (ONCE + "if not os.fork(): os.setsid(); slept()", HARMLESS),
    "a daemon without an environment": (ONCE + "daemon()", HARMLESS),
    "daemons, then it hangs": ("daemon(); daemon(); time.sleep(NAP)", HANGS),
    "a daemon, then it is gone": ("daemon(); os._exit(1)", GONE),
    "a daemon, then it becomes sleep": ("daemon(); os.execv('/bin/sleep', ['sleep', '45'])", GONE),
    "a daemon that ignores all": (ONCE + "if not os.fork():\n        os.setsid()\n        if os.fork(): os._exit(0)\n"
        f"        for n in {EVERY}: signal.signal(n, signal.SIG_IGN)\n        slept()", HARMLESS),
    "a daemon that is stopped": (ONCE + "if not os.fork():\n        os.setsid()\n        if os.fork(): os._exit(0)\n"
        "        noted(); os.kill(os.getpid(), signal.SIGSTOP)", HARMLESS),
    "its own subreaper": ("ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n    " + ONCE + "daemon()", HARMLESS),
    "outlives its parent": ("ctypes.CDLL(None).prctl(1, 0, 0, 0, 0); noted(); time.sleep(NAP)", HANGS),
    "a chain of forks": (ONCE + "if not os.fork():\n        end = time.time() + NAP\n"
        "        while time.time() < end:\n            if os.fork(): os._exit(0)", HARMLESS),
    "a shell in the background": (ONCE + "subprocess.Popen(['sh', '-c', f'echo > {HERE}/pid-$$; sleep 45'])", HARMLESS),
    "a shell that is waited for": ("subprocess.run(['sleep', '45'])", HANGS),
    "forks, and the child goes on": ("os.fork()", HARMLESS),
    "threads that never end": (ONCE + "threading.Thread(target=time.sleep, args=(NAP,)).start()", HARMLESS),
    "sleeps at exit": (ONCE + "atexit.register(time.sleep, NAP)", HARMLESS),
    "exits at exit": (ONCE + "atexit.register(os._exit, 3)", HARMLESS),
    "says verified": ("for n in range(64):\n        try: os.write(n, b'') ; open(f'/proc/{os.getppid()}/fd/{n}', 'w')"
        ".write('verified\\n')\n        except OSError: pass", HARMLESS),
    "says verified to the terminal": ("try: open('/dev/tty', 'w').write('verified\\n')\n    except OSError: pass",
        HARMLESS),
    "prints": ("print('verified' * 10**5); sys.stderr.write('verified' * 10**5)", HARMLESS),
    "takes stdout away": ("sys.stdout = sys.stderr = sys.stdin = None", HARMLESS),
    "closes stdout": ("os.closerange(0, 3)", HARMLESS),
    "empties its environment": ("os.environ.clear()", HARMLESS),
    "deletes itself": ("if os.path.exists(__file__): os.remove(__file__)", HARMLESS),
    "overwrites itself": ("open(__file__, 'w').write('raise SystemExit')", HARMLESS),
    "somewhere else": ("os.chdir('/'); os.umask(0o777)", HARMLESS),
    "is nice": ("os.nice(5)", HARMLESS),
    "patches json": ("json.dumps = json.loads = json.JSONEncoder = None", HARMLESS),
    "patches time": ("time.monotonic = time.time = None", HARMLESS),
    "patches os": ("os.getpid = lambda p=os.getpid(): p; os.write = os.read = os.close = None", HARMLESS),
    "patches NumPy": ("np.frombuffer = np.asarray = np.array = np.dtype = np.shares_memory = None", HARMLESS),
    "no garbage is collected": ("gc.disable(); gc.freeze()", HARMLESS),
    "nothing can be imported": ("sys.path.clear(); sys.meta_path.clear(); sys.path_hooks.clear()", HARMLESS),
    "seeds as it likes": ("np.random.seed(1); __import__('random').seed(1)", HARMLESS),
    "traces": ("sys.settrace(lambda *_: None); sys.setprofile(lambda *_: None)", HARMLESS),
    "switches threads rarely": ("sys.setswitchinterval(1000)", HARMLESS),
}  # fmt: skip
# Where it is not the same as one loads it as when it is called.
WHEN_LOADED = {"sleeps in a handler, later": HARMLESS | HANGS | RAISES}
NAMED = [  # looked at in every run, when called: those that once went on for ever
    "becomes sleep", "closes its pipes and sleeps", "stops itself", "masks all signals", "a forged answer",
    "sleeps in a signal handler", "fills the pipe of its answers", "stops its supervisor", "kills its supervisor",
    "a daemon, then it becomes sleep", "daemons, then it hangs", "a daemon without an environment",
]  # fmt: skip


def program(code: str, here: str, loaded: bool) -> str:
    """The source of a file that does it once it is loaded, or whenever it is called."""
    return HEAD.format(here=here, code=code, called="" if loaded else "mischief()", loaded="mischief()" * loaded)
