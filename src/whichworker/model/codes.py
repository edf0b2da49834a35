"""Every finding there is, as one table: code, severity, title, why it matters, what to do.

`make docs` writes docs/reference/findings.md and a page for each code from it.
`codes.DEBUG_ON.finding(text)` makes one, so a mistyped code fails the type check. A severity is the
gravest of its code; a call may lower it.
"""

from __future__ import annotations

from whichworker.model.comparison_codes import COMPARISON
from whichworker.model.failure_codes import ARM as ARM
from whichworker.model.failure_codes import CONFORMANCE as CONFORMANCE
from whichworker.model.findings import Code
from whichworker.model.secondhand_codes import SECONDHAND

# fmt: off
# The app and its requests.
APP_FOUND = Code("app-found", "info", "An app was found in this folder",
    "You named no app, so whichworker searched the folder and uses the app that it found.",
    "to use another app, name it as MODULE:ATTRIBUTE")
SETTINGS_DIFFER = Code("settings-differ", "info", "manage.py and wsgi.py name different settings",
    "A server imports wsgi.py or asgi.py, never manage.py. The race uses what a server would use.",
    "set DJANGO_SETTINGS_MODULE to race the other settings")
APP_BUILTIN = Code("app-builtin", "info", "No app was found in this folder",
    "The built-in Django project is used instead. Its numbers are not those of your app.",
    "name your app: a folder, or MODULE:ATTRIBUTE")
RUNSERVER_ONLY = Code("runserver-only", "warning", "The project has no wsgi.py",
    "Only runserver serves it as it is, so a temporary module creates its application.",
    "write wsgi.py as startproject does; `advise --emit` writes that module, too")
DEPLOYED_TODAY = Code("deployed-today", "info", "The project's own files start a server",
    "Another setup is worth a change only if it is better than the one that serves today.",
    "name other setups with --servers to leave it out of the race")
INTERFACE_LACKING = Code("interface-lacking", "info", "Some setups cannot serve the app",
    "WSGI and ASGI are two interfaces. A server of the other one cannot call the app.",
    "nothing, if the framework has one interface only; Django has wsgi.py and asgi.py for both")
HTTP_LACKING = Code("http-lacking", "warning", "The ASGI app serves no HTTP",
    "A router for websockets alone fails for every page, so no ASGI server can race.",
    "give the router an app for http")
PORT_OF_APP = Code("port-of-app", "warning", "The app listens on a port of its own",
    "Each worker imports the app, and only one process can have the port: a second worker fails.",
    "open that port in one process only, for example by a variable or in a command of its own")
ROUTES_UNKNOWN = Code("routes-unknown", "warning", "The routes of the app cannot be listed",
    "Without that list whichworker cannot choose the requests by itself.",
    "name the requests: --url /path")
ROUTES_FOUND = Code("routes-found", "info", "The requests come from the routes of the app",
    "You named no requests, so the race uses the routes that the app lists.",
    "name your own: --url /path, --from-log FILE or --from-har FILE")
SESSIONS_RACED = Code("sessions-raced", "info", "Whole sessions are raced",
    "Each user begins without cookies and takes the steps in order, without think times; a user who"
    " is done makes room for a new one. Requests/s counts each step. The engine in Python loads"
    " every setup.",
    "--sessions login logs in once, and races the steps that only read")
REQUESTS_LEFT_OUT = Code("requests-left-out", "info", "Some requests are left out",
    "A race sends only requests that it may repeat and that the app itself handles.",
    "name the requests that matter: --url /path")
REDIRECT_RACED = Code("redirect-raced", "warning", "A request leads to a redirect",
    "A redirect costs the app little, so its speed says nothing about the page behind it.",
    "name the page itself: --url /path")
SERVERS_DIFFER = Code("servers-differ", "warning", "Servers give the app different requests",
    "The response of the app itself and of most servers counts; a server that differs is named.",
    "compare what both servers pass to the app, and deploy the one that it needs")
ANSWER_UNCHECKED = Code("answer-unchecked", "warning", "Some responses are checked by status only",
    "A wrong page with the correct status would count as correct, and might be faster.",
    "state what is correct, for example --expect contains=TEXT")
ANSWER_MASKED = Code("answer-masked", "info", "A part of a response is not checked",
    "A part that changes by itself, such as a date, cannot be compared. The rest is compared.")
DEBUG_ON = Code("debug-on", "warning", "DEBUG is on",
    "Debug mode costs time and memory, so these are not the numbers of what you deploy.",
    "race with the settings that you deploy")
DEBUG_TOOLBAR = Code("debug-toolbar", "warning", "A debugging tool is installed",
    "Its cost is measured together with the server.",
    "race with the settings that you deploy")
SQLITE = Code("sqlite", "info", "The database is SQLite",
    "SQLite has one writer at a time, so more workers do not write faster. Some writes may fail.",
    "measure with the database that you deploy, if it is another one")
WRITES_UNWATCHED = Code("writes-unwatched", "info", "Writes to the database are not noticed",
    "Only SQLite files are compared before and after the reference run. If a GET writes to another "
    "database, the race repeats that thousands of times.",
    "race with a copy of the database if a GET may write")
CACHE_IN_PROCESS = Code("cache-in-process", "info", "Workers do not share their cache",
    "The default cache lives in each process, so each worker fills and loses its own copy.",
    "use a cache server, if the app caches anything")
SYNC_MIDDLEWARE = Code("sync-middleware", "warning", "Some middleware is sync only",
    "Under ASGI, Django then runs each request through a thread. That costs time and threads.",
    "replace that middleware by one that is async_capable, or serve the app by WSGI")
STATIC_UNSERVED = Code("static-unserved", "info", "No server serves the static files",
    "Only runserver serves them. Once deployed, the pages would lack their styles and scripts.",
    "add WhiteNoise, or let the proxy serve STATIC_URL")
SSL_REDIRECT = Code("ssl-redirect", "warning", "Every response is a redirect to HTTPS",
    "SECURE_SSL_REDIRECT is on, and no header marks a request as HTTPS.",
    "set SECURE_PROXY_SSL_HEADER, as behind a proxy")
SERVER_OPTIONS = Code("server-options", "warning", "The environment file has options of servers",
    "A race shows all settings of a server, so options from variables are left out. The same is "
    "true of your shell.",
    "name them as settings: --servers 'gunicorn-gthread[workers=2]', and remove them from the file")
GUNICORN_CONF = Code("gunicorn-conf", "info", "gunicorn.conf.py is not read",
    "Each server setup runs with the settings that are shown, so that setups compare fairly.",
    "name its settings, for example --servers 'gunicorn-gthread[workers=2,threads=4]'")

# The machine.
CORES = Code("cores", "info", "Division of the cores",
    "The servers and the load generator have separate cores, so neither slows the other down.")
CORES_SHARED = Code("cores-shared", "warning", "The load generator and the server share a core",
    "They compete for CPU time, so throughput and latency describe both together.",
    "measure on a machine with two or more usable cores")
CPU_QUOTA = Code("cpu-quota", "warning", "CPU time is limited by a control group",
    "Within a quota all processes stop when it is used up. No more cores are used than it has, and "
    "samples in which processes were stopped are refused.",
    "allow two or more cores, for example docker run --cpus 2")
FOREIGN_CPU = Code("foreign-cpu", "warning", "CPU time used by other processes",
    "Other processes make a server look slower. Samples that they disturb are refused.",
    "stop the other processes, then measure again")
OPEN_FILES = Code("open-files", "warning", "Limit of open files",
    "Each connection is an open file, so a low limit means few connections.",
    "raise the hard limit, as root: ulimit -Hn 65536")
DISK_ENVIRONMENTS = Code("disk-environments", "warning", "Disk space for environments",
    "Each server needs its own environment. Without disk space none can be built.",
    "free disk space, or set WHICHWORKER_CACHE to another folder")
DISK_RUNS = Code("disk-runs", "warning", "Disk space for runs",
    "Each run writes a journal. Without disk space it is lost.",
    "free disk space, or set WHICHWORKER_STATE to another folder")
CONTAINMENT = Code("containment", "warning", "Containment of server processes",
    "In a PID namespace no server process can outlive its run, even if whichworker is killed.",
    "allow unprivileged user namespaces")
COMPILER = Code("compiler", "warning", "No C compiler is installed",
    "uWSGI is built from source, so it cannot race without a compiler.",
    "on Debian: apt-get install gcc python3-dev")
SCHEDSTAT = Code("schedstat", "warning", "/proc/self/schedstat is missing",
    "Without it whichworker cannot see how long the load generator waits for its core.")
STALLS = Code("stalls", "info", "Stalls of the cores",
    "A core that stalls delays every response, whatever the server.")
CERTIFIES = Code("certifies", "warning", "Shortest objective that this machine can validate",
    "The stalls of the cores alone would break a shorter latency objective.",
    "measure on a machine with less noise")
NOISE = Code("noise", "warning", "Noise of the machine",
    "The more equal samples differ, the longer a race takes to find a difference.",
    "measure it for longer: whichworker doctor --time 20s")
RACE_LENGTH = Code("race-length", "warning", "Time that a race needs here",
    "A noisy machine needs many samples to find a small difference.",
    "use more --time, fewer server setups, or a larger --delta")
SERVICE_UNSEEN = Code("service-unseen", "warning", "The CPU time of a service is unknown",
    "It looks like that of unrelated processes, so samples may be refused because of it.",
    "let whichworker start a private service")
UPLOAD_TIMES_MISSING = Code("upload-times-missing", "warning",
    "The package index gives no upload times, so the newest versions were installed",
    "Without these times, versions cannot be chosen by date, and the race cannot be repeated so.",
    "use an index with upload times, such as pypi.org; or leave out --latest and --exclude-newer")
PORT_TAKEN = Code("port-taken", "info", "A port is already in use",
    "Another program listens there, so the servers listen on the next free ports.",
    "to choose the ports yourself, use --bind")
PORT_KEPT = Code("port-kept", "error", "A port is still in use after the server stopped",
    "Something still listens there, so a process of the server may have escaped.",
    "find that process and stop it")

# A race.
HEATS = Code("heats", "info", "The server setups raced in groups",
    "Not all of them can run together here. Each group has the leader, so all can be compared.")
SECOND_CHANCE = Code("second-chance", "warning", "A server broke and was started again",
    "One failure may be an accident. A second one ends the race of that server setup.",
    "read the evidence: the server may break in production, too")
TWIN_FAILED = Code("twin-failed", "warning", "The control copy failed",
    "An identical copy of one setup shows if the machine is fair. This race has no such proof.",
    "repeat the race")
TWIN_SHORT = Code("twin-short", "warning", "The control copy had too few rounds",
    "If two identical copies differ, the machine is to blame. Too few rounds cannot show that.",
    "use more --time")
WINDOWS_REFUSED = Code("windows-refused", "info", "Some slices were measured again",
    "Other processes used the cores during these slices, so they do not count.",
    "stop the other processes, so that the race ends sooner")
BUSY_WHILE_IDLE = Code("busy-while-idle", "warning", "A server uses CPU time without requests",
    "It takes that time from the servers that are measured meanwhile.",
    "race it alone for exact numbers: --servers NAME")
STOPPED_BY_FORCE = Code("stopped-by-force", "warning", "A server had to be killed",
    "A deployment that stops it will wait, and then kill it together with its requests.",
    "look for a request or a thread in the app that never ends")
LEFT_RUNNING = Code("left-running", "warning", "A server left processes running",
    "They outlived its master process. In production they would hold memory and ports.",
    "let the supervisor kill the whole process group")
LOG_FLOODED = Code("log-flooded", "warning", "The server wrote a large log",
    "Writing it costs time, which is measured together with the server.",
    "lower the log level of the app")
NO_STEADY_STATE = Code("no-steady-state", "warning", "A server was not steady after its warm-up",
    "Its speed still changed, so its numbers hold only for a freshly started process.",
    "use more --time")
LOAD_LIMITED = Code("load-limited", "warning", "The load was too small for a server",
    "It completed all requests that the connections could send, so its limit is unknown.",
    "use more --connections")
DRIFT = Code("drift", "warning", "The speed of a server drifted",
    "It changed from the first round to the last, so a longer run would give another number.",
    "check if something fills up, for example a table, a cache or a disk")
PROFILE_MISSING = Code("profile-missing", "warning", "A server could not be profiled",
    "The kernel may forbid a look into other processes.",
    "run as root, or set kernel.yama.ptrace_scope to 0")
WRONG_UNDER_LOAD = Code("wrong-under-load", "error", "Responses are wrong under load",
    "They are correct one by one, so requests share something that they must not share.",
    "keep data of a request out of globals; until then use one thread per process (gunicorn-sync)")
CONNECTIONS_REFUSED = Code("connections-refused", "error", "The database refused connections",
    "Workers and threads together open more connections than the database allows.",
    "use fewer workers x threads, or a connection pool (pgbouncer, psycopg_pool)")
POOL_EXHAUSTED = Code("pool-exhausted", "error", "The app's pool of database connections ran out",
    "A request that waits for a connection holds a thread, which those with a connection may need.",
    "allow as many connections as threads (pool_size, max_size), or use fewer threads")
FEWER_CONNECTIONS = Code("fewer-connections", "warning", "A setup was measured with fewer requests",
    "It failed with more at once, so its numbers show the load that it can serve.",
    "mend the cause, as production may send more")
DATABASE_LOCKED = Code("database-locked", "error", "The SQLite database was locked",
    "SQLite has one writer at a time, whatever the number of workers.",
    "use one worker, WAL mode and a longer timeout, or another database")
ERROR_UNDER_LOAD = Code("error-under-load", "error", "The app fails under load",
    "It is correct for one request at a time, and returns errors for several.",
    "look for the cause in the log of the app")
RATE_LIMITED = Code("rate-limited", "error", "The app limits the rate",
    "It returns status 429 under load, so a race would only show the limit, whatever the server.",
    "turn the rate limit off while you measure, by a setting or a variable")
BOT_CHECK = Code("bot-check", "error", "The app takes the load for a robot",
    "It returns status 403 under load, though it served the same requests one by one.",
    "turn the check for robots off while you measure, or allow 127.0.0.1")
LOGIN_EXPIRED = Code("login-expired", "error", "The login does not last",
    "The app wants a new login under load, though it served the same requests one by one.",
    "let a session last longer than the race, and allow many requests with one session")
PAGE_CHANGES = Code("page-changes", "error", "The app's response changed by itself",
    "The app without any server or load does not give the response that was learnt, either.",
    "name the part that stays the same: --expect contains=TEXT")
PROXY_UNTRUSTED = Code("proxy-untrusted", "error", "The server does not pass on a proxy's header",
    "The app responds otherwise without the header, such as with a redirect to HTTPS.",
    "let the server trust the proxy, or deploy another one behind it")
OF_THE_APP = (RATE_LIMITED, BOT_CHECK, LOGIN_EXPIRED, PAGE_CHANGES)
UNDER_LOAD = (WRONG_UNDER_LOAD, CONNECTIONS_REFUSED, POOL_EXHAUSTED, DATABASE_LOCKED,
    ERROR_UNDER_LOAD, *OF_THE_APP)

# Capacity.
SLO_BELOW_STALLS = Code("slo-below-stalls", "warning", "The objective is shorter than the noise",
    "The machine alone delays some responses by more, whatever the server.",
    "use a longer objective, or a machine with less noise")
CAPACITY_NOT_SOUGHT = Code("capacity-not-sought", "warning", "No capacity was measured",
    "Without it the result has no rate to plan with.",
    "use more --time, or a lower --rate")
RESPONSE_TIMES_LACKING = Code("response-times-lacking", "warning", "There are no response times",
    "Other programs used the cores in each window, so the times would have been theirs.",
    "stop the other programs, and resume the run")
RESPONSE_TIMES_BROKEN = Code("response-times-broken", "error", "A server broke at a moderate rate",
    "It responded under full load, and failed with random arrivals. Users would see that.",
    "read the end of its log")
CAPACITY_BROKEN = Code("capacity-broken", "error", "A server broke while its capacity was measured",
    "It did well in the race, then failed at a steady rate. It may fail in production, too.",
    "find the cause before you deploy this server")
CAPACITY_NONE = Code("capacity-none", "warning", "No rate meets the objective",
    "Even at the lowest rate that was tried, responses are too slow.",
    "allow more time in the objective: --slo")
CAPACITY_SHORT = Code("capacity-short", "warning", "The time was too short for a capacity",
    "The search for the highest rate that meets the objective had not ended.",
    "use more --time")
CAPACITY_UNCERTIFIED = Code("capacity-uncertified", "warning", "The capacity is not validated",
    "A validated rate has met the objective in a separate test. Plan carefully until you have one.",
    "use more --time, or an objective that allows more")
CAPACITY_DOUBTFUL = Code("capacity-doubtful", "warning", "The capacity may be higher",
    "Many of its windows were disturbed by the machine.",
    "stop the other processes on this machine")
SERVER_STALLS = Code("server-stalls", "warning", "A server stalls",
    "Nobody got a response for a while, although the load was steady: such as a request that blocks"
    " all others, a job in the server's process, a lock, or a long collection of garbage.",
    "look at what the app does besides requests, and at its log")
CONNECTIONS_STARVED = Code("connections-starved", "error", "A server neglects connections",
    "Its threads or workers stay with the connections they have. A proxy that keeps more open"
    " sends users into a wait without end.",
    "use more --threads or workers, no keep-alive, or a server with an event loop")
MEMORY_GROWS = Code("memory-grows", "warning", "The memory of a server grows",
    "Memory that grows with the requests is a leak, or a cache that fills.",
    "recycle the workers until the cause is known")

# A load.
REFERENCE_WRONG = Code("reference-wrong", "warning", "A response is wrong before the load",
    "Each request that only reads is sent once first. The load will repeat this failure.",
    "correct the request or what you expect of it")
CLOSED_LOOP = Code("closed-loop", "info", "This load is a closed loop",
    "It shows the highest rate. Its times are from full load, not what users see.",
    "to measure how long users wait, set a rate, for example --rate 200/s")
ENGINE_NATIVE_MISSING = Code("engine-native-missing", "info", "The slower engine made the load",
    "The native engine reaches higher rates with the same core.",
    "install a C compiler, then install whichworker again")
ANSWERS_TOO_FAST = Code("answers-too-fast", "warning", "A response came impossibly soon",
    "No server is that fast, so a clock or a count must be wrong.",
    "report this, with the JSON of the run")
RECONNECTS = Code("reconnects", "warning", "The server closed many connections",
    "A new connection costs more than a request, so much of this may be their cost.",
    "check if keep-alive is off")
ENDED_EARLY = Code("ended-early", "warning", "The load ended early",
    "The numbers cover less time than was planned.",
    "check if the server or the load was stopped")
WINDOW_SHORT = Code("window-short", "warning", "The measurement is too short",
    "It cannot show if the load generator was the bottleneck.",
    "use more --requests, or --time")
RECEIVE_DELAY = Code("receive-delay", "info", "Responses waited in the load generator",
    "That part of the response time belongs to the load generator, not to the server.")
PERCENTILES_UNSUPPORTED = Code("percentiles-unsupported", "info", "Some percentiles are missing",
    "A percentile is reported only if at least ten responses lie beyond it.",
    "use a longer --time, or more --requests")
INTERVALS_UNSUPPORTED = Code("intervals-unsupported", "info", "Percentiles have no intervals",
    "An interval needs responses throughout the planned time.",
    "set a --time that the load fills")

# An explanation.
NAME_TAKEN = Code("name-taken", "info", "A short name has several meanings",
    "Several servers have a worker class of that name, and one of them was chosen.",
    "give the full name of the server setup")
NOISY = Code("noisy", "warning", "The machine was busy",
    "A fast view was slow before anything else ran, so these latencies say little.",
    "repeat it when nothing else uses the machine")
UNANSWERED = Code("unanswered", "warning", "Some requests had no correct response",
    "They were sent at once, and the server did not complete all of them.",
    "allow more requests at once, or choose another worker")
LIMIT_DIFFERS = Code("limit-differs", "warning", "A limit is not what the settings say",
    "The server works on more or fewer requests at once than its settings allow.",
    "read its documentation before you rely on that setting")
NOT_MEASURED = Code("not-measured", "warning", "A worker could not be measured",
    "It failed, so it has no numbers. The evidence shows how.",
    "mend what failed, then repeat the explanation")

# Known properties of a server, before it runs.
CHUNKED_POST_EMPTY = Code("chunked-post-empty", "warning",
    "The body of a chunked POST reads as 0 bytes",
    "WSGI has no standard for bodies without a Content-Length. Clients that stream lose data.",
    "let a proxy buffer the requests, or send a Content-Length")
KEEP_ALIVE_STARVES = Code("keep-alive-starves", "warning",
    "A thread serves one connection until it closes",
    "With more kept connections than threads, the others never get a response.",
    "put a proxy in front that uses no more connections than there are threads")
UNSIZED_WAITS = Code("unsized-waits", "warning",
    "A response without a Content-Length ends 4 s late",
    "It ends only with its connection. A redirect of Django's LocaleMiddleware is one.",
    "put CommonMiddleware before the middleware that responds, or use the uwsgi protocol")
NO_HEADER_TIMEOUT = Code("no-header-timeout", "warning",
    "A client that sends its headers slowly holds a slot for more than 95 s",
    "A few slow clients can stop the whole server.",
    "put a proxy in front")
ASYNC_VIEWS_FAIL = Code("async-views-fail", "warning",
    "Async views fail if two run at once, or if one uses the ORM",
    "All greenlets of a thread share its event loop.",
    "serve async views by an ASGI server")
DATABASE_DRIVER = Code("database-driver", "info",
    "psycopg2 blocks every greenlet of its process",
    "While it waits for the database, no other request of that process goes on.",
    "use psycopg 3, which cooperates, or psycogreen")
THREAD_PER_REQUEST = Code("thread-per-request", "info",
    "Django runs each sync view in its own thread, without a limit",
    "Each thread opens its own database connection, and the database may refuse some.",
    "limit the requests by a proxy, or by a setting of the server")
TERM_DROPS = Code("term-drops", "warning", "SIGTERM drops the requests in flight",
    "Each deployment that stops the server this way loses requests.",
    "take the server out of its proxy before you stop it")
HUP_KILLS = Code("hup-kills", "warning", "SIGHUP ends the server",
    "It cannot reload the app without a gap.",
    "run two instances behind a proxy, and restart one at a time")
HUP_RESTARTS = Code("hup-restarts", "info", "SIGHUP stops all workers before it starts new ones",
    "A reload is therefore a gap in which no request is served.",
    "run two instances behind a proxy, and reload one at a time")
RELOAD_NEEDS_WORKERS = Code("reload-needs-workers", "info",
    "SIGHUP replaces the workers one by one, but ends a single process",
    "A reload without a gap therefore needs two or more workers.",
    "use --workers 2, or a supervisor that starts the new process before it stops the old one")
ONE_PROCESS = Code("one-process", "info", "The server has one process only",
    "Python code of one process uses about one core.",
    "for more cores run several instances behind a proxy")
STATIC_FILES = Code("static-files", "info", "Django's own handler serves the static files",
    "It is made for development, and each request passes through it.",
    "serve static files by a proxy, or by WhiteNoise")
YOUNG = Code("young", "info", "The server is a young project with few releases",
    "Its behaviour may still change.",
    "read its changelog before you deploy it")
BODY_LIMIT = Code("body-limit", "info", "Bodies above 16 MiB are refused",
    "Larger uploads fail with this server.",
    "raise the limit if the app accepts large uploads")
DEPRECATED_UPSTREAM = Code("deprecated-upstream", "warning",
    "uvicorn calls its own WSGI mode deprecated",
    "A later release may remove it.",
    "use uvicorn-a2wsgi")
REMOVED_UPSTREAM = Code("removed-upstream", "warning",
    "gunicorn 26 removed this worker class",
    "whichworker keeps it only to repeat older comparisons.",
    "use gunicorn-gevent, or an ASGI server")
COOKIES_BREAK = Code("cookies-break", "error",
    "Responses of Django that set a cookie do not arrive",
    "Their Set-Cookie header begins with a space, which h11 refuses.",
    "use uvicorn-wsgi-httptools, or uvicorn-a2wsgi")
DJANGO_500 = Code("django-500", "error", "Django returns status 500",
    "The server runs the app in a way that Django does not support.",
    "use another worker class")
NO_KEEP_ALIVE = Code("no-keep-alive", "warning", "Every response closes its connection",
    "uWSGI's HTTP/1.1 socket fails with greenlets, so each request pays for a new connection.",
    "let a proxy in front keep the connections of the clients")
LOGS_ITS_QUEUE = Code("logs-its-queue", "info",
    "waitress logs a line for every request that waits for a thread",
    "Under load the log grows fast. whichworker silences that logger, so it is not measured.",
    "silence the logger waitress.queue")
# fmt: on

ROWS = [value for value in vars().values() if isinstance(value, Code)]
APART = (ARM, CONFORMANCE, COMPARISON, SECONDHAND)
TABLE = {row.name: row for row in (*ROWS, *(one for rows in APART for one in rows.values()))}
"""Every code with its row."""
