#include "cli/serve.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/abandoned.h"
#include "cli/backup.h"
#include "cli/data_directory.h"
#include "cli/data_errors.h"
#include "cli/items_performer.h"
#include "cli/metrics_route.h"
#include "cli/missed_schedules.h"
#include "cli/report.h"
#include "cli/schedule_route.h"
#include "cli/signal_route.h"
#include "cli/task_runner.h"
#include "cli/version.h"
#include "cli/wiring.h"
#include "cli/words.h"
#include "console/route.h"
#include "containers/task_route.h"
#include "core/mail_address.h"
#include "postgres/driver.h"
#include "postgres/server.h"
#include "runtime/admission.h"
#include "runtime/clock_route.h"
#include "runtime/effects.h"
#include "runtime/entropy.h"
#include "runtime/frontend.h"
#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"
#include "runtime/mail.h"
#include "runtime/metered_store.h"
#include "runtime/pauses.h"
#include "runtime/probes.h"
#include "runtime/process_driver.h"
#include "runtime/registry.h"
#include "services/cloudformation/signals.h"
#include "store/format.h"
#include "store/sweep.h"

namespace kiban::cli {

namespace {

struct Address {
  std::string host{};
  std::uint16_t port{0};
};

Result<Address> parse_listen(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  Address address;
  const char* const first = colon == std::string::npos ? text.data() : text.data() + colon + 1;
  const char* const last = text.data() + text.size();
  const auto [stop, error] = std::from_chars(first, last, address.port);
  if (error != std::errc{} || stop != last)
    return fail("WrongUsage", fmt::format("'{}' is not ADDRESS:PORT", text));
  address.host = colon == std::string::npos ? "127.0.0.1" : text.substr(0, colon);
  if (address.host == "localhost") address.host = "127.0.0.1";
  if (address.host.starts_with('[') && address.host.ends_with(']'))
    address.host = address.host.substr(1, address.host.size() - 2);
  return address;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

Result<std::optional<json::object>> read_mock_config(const std::string& path) {
  if (path.empty()) return std::nullopt;
  std::ifstream in{path};
  if (!in) return fail("MockConfig", path + " can't be read");
  std::ostringstream text;
  text << in.rdbuf();
  Result<json::value> value = parse_json(text.str());
  if (!value) return fail("MockConfig", path + ": " + value.error().cause);
  if (!value->is_object()) return fail("MockConfig", path + " holds no JSON object");
  return std::move(value->get_object());
}

// Rows, blobs and root key, on disk or in memory.
struct Data {
  std::string directory{};  // Empty: nothing is on disk.
  std::unique_ptr<store::Store> store{};
  std::unique_ptr<store::Blobs> blobs{};
  runtime::RootKey root{};
};

// Migrates rows of an older format to the one that this kiban writes; prints progress.
Result<void> migrate_rows(store::Store& rows) {
  KIBAN_TRY(const store::Format before, store::read_format(rows));
  if (before.version < store::format_current)
    fmt::print(stderr, "kiban: migrating the data from format {} to {}\n", before.version,
               store::format_current);
  auto told = std::chrono::steady_clock::now();
  const auto progress = [&told](const store::MigrationStatus& status) {
    const auto now = std::chrono::steady_clock::now();
    if (now - told < std::chrono::seconds{2}) return;
    told = now;
    fmt::print(stderr, "kiban: migrating to format {}: {}, {} rows so far\n", status.step->from + 1,
               status.step->what, status.rows);
  };
  return store::migrate(rows, version, store::migrations(), store::format_current, progress);
}

Result<Data> open_data(const ServeOptions& options) {
  Data data;
  data.directory = options.data;
  if (data.directory.empty() && !options.ephemeral) data.directory = default_data_directory();
  if (!data.directory.empty()) {
    KIBAN_TRY_VOID(make_private(data.directory));
  }
  if (options.ephemeral) {
    data.store = store::make_memory_store();
    data.blobs = store::make_memory_blobs();
  } else {
    KIBAN_TRY(data.store, open_rows(data.directory, options.key_file));
    KIBAN_TRY_VOID(migrate_rows(*data.store));
    const std::string blobs = data.directory + "/blobs";
    KIBAN_TRY(data.blobs, store::open_directory_blobs(blobs));
    // Executions and log lines are most of the rows, and name no blobs.
    KIBAN_TRY_VOID(store::sweep_blobs(*data.store, blobs, std::chrono::hours{24},
                                      {"states/", "logs/", "cloudwatch/"}));
  }
  if (data.directory.empty()) {
    data.root = runtime::make_root_key();
  } else {
    KIBAN_TRY(data.root, runtime::load_or_make_root_key(data.directory));
  }
  return data;
}

void announce(const ServeOptions& options, const Data& data, const std::string& endpoint) {
  fmt::print("kiban: serving on {} (account {}, region {}, {})\n", endpoint, options.account,
             options.region,
             options.ephemeral ? std::string("nothing is kept") : "data in " + data.directory);
  if (data.directory.empty() && options.auth == "sigv4")
    fmt::print("kiban: key for this run: AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}\n",
               data.root.access_key_id, data.root.secret_access_key);
  std::fflush(stdout);
}

// Each connection is a descriptor, and Debian's soft limit is 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // If not, there are fewer connections.
}

void remove_directory(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

// SigningCertURL of SNS messages.
runtime::HttpReply certificate_reply(runtime::MessageSigner& signer,
                                     const runtime::HttpRequest& request) {
  const auto certificate = signer.certificate();
  if (!certificate) return {.status = 500, .body = certificate.error().cause + "\n"};
  if (request.target != certificate->path) return {.status = 404};
  return {.headers = {{"Content-Type", "application/x-pem-file"}}, .body = certificate->pem};
}

void log_line(const std::string& line) { std::fprintf(stderr, "kiban: %s\n", line.c_str()); }

// Rows must not be from the future of a clock that can't be moved.
Result<void> check_time(const store::Store& rows, bool is_virtual) {
  const bool was_virtual = !is_virtual && rows.get(runtime::clock_row).has_value();
  const auto kept = was_virtual ? kernel::kept_time(rows) : std::nullopt;
  const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
  if (!kept || *kept <= now) return {};
  return fail("WrongClock", "a virtual clock left this data at " + format_iso8601(*kept) +
                                ", ahead of the host's clock");
}

// Where the server keeps `what`: below the data directory, or in one that ends with it.
Result<std::string> directory_for(std::string_view what, bool temporary, const std::string& data) {
  if (temporary) return make_temporary_directory(what);
  return fmt::format("{}/{}", data, what);
}

// A container or another host must not reach, by way of kiban, what listens on loopback only. Any
// other caller is a process of this host, which reaches it anyway.
runtime::Targets choose_targets(const ServeOptions& options, const Address& address,
                                const TaskRunner& runner) {
  const bool local = address.host.starts_with("127.") || address.host == "::1";
  const bool allowed = options.loopback_targets == "auto" ? local && runner.bridge_address().empty()
                                                          : options.loopback_targets == "allow";
  return allowed ? runtime::Targets::All : runtime::Targets::Others;
}

Result<runtime::MailOptions> mail_options(const ServeOptions& options) {
  runtime::MailOptions mail{.from = options.mail_from};
  if (!is_mail_address(mail.from))
    return fail("WrongUsage", "the sender of --mail-from is not a mail address");
  if (!options.smtp.empty()) {
    KIBAN_TRY(mail.server, runtime::parse_smtp_url(options.smtp));
  }
  return mail;
}

// `frontend` is set before the first request comes.
console::RouteOptions console_options(const ServeOptions& options, const runtime::RootKey& root,
                                      runtime::Frontend* const& frontend) {
  return {.root = root,
          .token = runtime::own_token(root.secret_access_key),
          .region = options.region,
          .now = [] { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); },
          .random_hex = [] { return SecretRandom{runtime::fresh_seed()}.hex(64); },
          .forward =
              [&frontend](runtime::HttpRequest request, runtime::Respond respond) {
                frontend->handle(std::move(request), std::move(respond));
              }};
}

// Nothing: what --auth implies.
std::optional<kernel::Iam> iam_of(const std::string& given) {
  for (const kernel::Iam each : {kernel::Iam::Enforce, kernel::Iam::Observe, kernel::Iam::Off})
    if (given == kernel::iam_name(each)) return each;
  return std::nullopt;
}

// Everything that lives while the server runs, in the order in which it must end.
// It is long, as it composes the whole server; a Server type with members in that order is to come.
// NOLINTNEXTLINE(readability-function-size)
int run_server(const ServeOptions& options, const Address& address, Data data,
               const runtime::Admission& admission, const WiringOptions& wiring,
               const runtime::MailOptions& mail) {
  const kernel::Auth auth = options.auth == "any" ? kernel::Auth::Any : kernel::Auth::Sigv4;
  const bool in_memory = data.directory.empty();
  std::unique_ptr<runtime::HttpServer> server;
  runtime::Frontend* frontend = nullptr;
  auto listening = runtime::HttpServer::listen(
      address.host, address.port,
      admission.with_cors([&frontend](runtime::HttpRequest request, runtime::Respond respond) {
        frontend->handle(std::move(request), std::move(respond));
      }));
  if (!listening)
    return complain("listen", listening.error().cause,
                    "Choose another address with --listen ADDRESS:PORT, or stop what uses it.");
  server = *std::move(listening);
  // Before anything else that listens on its bridge.
  const auto task_directory_made = directory_for("tasks", options.ephemeral, data.directory);
  if (!task_directory_made) return complain_about_data(task_directory_made.error());
  const std::string& task_directory = *task_directory_made;
  auto runner = TaskRunner::choose(options, server->port(), task_directory);
  if (!runner)
    return complain("tasks", runner.error().cause,
                    options.tasks == "process"
                        ? "Name the folder in which the commands run with --source DIR."
                        : "Or choose another way with --tasks.");
  // Clients can't reach "any address".
  const std::string host = address.host == "0.0.0.0" || address.host == "::" ? "127.0.0.1"
                           : address.host.find(':') == std::string::npos     ? address.host
                                                                         : "[" + address.host + "]";
  const std::string endpoint = fmt::format("http://{}:{}", host, server->port());
  if (!runner->bridge_address().empty() && address.host != "0.0.0.0" && address.host != "::") {
    const auto joined = server->also_listen(runner->bridge_address(), server->port());
    if (!joined)
      return complain("listen", joined.error().cause,
                      "Tasks reach kiban there. Choose another port with --listen ADDRESS:PORT.");
  }

  const bool is_virtual = options.clock == "virtual";
  const Result<void> usable = check_time(*data.store, is_virtual);
  if (!usable)
    return complain("clock", usable.error().cause,
                    "Go on with --clock virtual, or begin anew: kiban reset.");

  runtime::MessageSigner signer{data.directory, endpoint};
  std::unique_ptr<runtime::Fetcher> fetcher = runtime::make_fetcher();
  auto pauses = std::make_unique<runtime::Pauses>();
  runtime::Effects effects;
  effects.add("http.post", runtime::make_http_performer(*fetcher, signer,
                                                        choose_targets(options, address, *runner)));
  effects.add("server.log", runtime::make_log_performer());
  effects.add("host.pause", pauses->performer());
  effects.add("host.probe", runtime::make_probe_performer(*fetcher, *pauses,
                                                          runner->bridge_address().empty()
                                                              ? runtime::TaskHost::ThisHost
                                                              : runtime::TaskHost::AtItsAddress));
  effects.add("sns.sign",
              runtime::make_sign_performer(signer, [&server](std::function<void()> work) {
                server->post(std::move(work));
              }));
  const auto mail_directory = in_memory ? std::string() : data.directory + "/mail";
  auto mailbox = runtime::Mailbox::open(options.ephemeral ? "" : mail_directory);
  if (!mailbox) return complain_about_data(mailbox.error());
  auto mail_worker = std::make_unique<runtime::Worker>();
  effects.add("mail.send", runtime::make_mail_performer(mail, **mailbox, signer, *mail_worker));
  auto items_worker = std::make_unique<runtime::Worker>();
  effects.add("items.read", make_items_performer(*data.blobs, *items_worker));
  const auto added = runner->add_to(effects, server->port(), endpoint, *data.blobs);
  if (!added) return complain("tasks", added.error().cause, "See who owns the data directory.");
  const auto database_directory = directory_for("databases", options.ephemeral, data.directory);
  if (!database_directory) return complain_about_data(database_directory.error());
  auto databases =
      std::make_unique<postgres::Driver>(postgres::Options{.directory = *database_directory,
                                                           .folders = postgres::postgres_folders(),
                                                           .erase_at_end = options.ephemeral});
  databases->add_to(effects);
  console::ConsoleRoute console{console_options(options, data.root, frontend)};
  server->at_stop([&console] { console.feed().close(); });
  runtime::KernelMetrics batches;
  runtime::RequestMetrics requests;
  services::states::Counters executions;
  WiringOptions wired = wiring;
  wired.counters = &executions;
  if (const std::string bridge = runner->bridge_address(); !bridge.empty())
    wired.function_endpoint = fmt::format("http://{}:{}", bridge, server->port());
  runtime::MeteredStore rows{*data.store, batches};
  kernel::Kernel kernel{
      rows,
      make_services(wired),
      {.account = options.account,
       .region = options.region,
       .endpoint = endpoint,
       .auth = auth,
       .iam = iam_of(options.iam),
       .blobs = data.blobs.get(),
       .sink = &effects,
       .keep_time = true,
       .committed = [&console](const store::Batch& written) { console.feed().committed(written); },
       .log = log_line}};
  const std::unique_ptr<runtime::Clock> real_clock =
      runtime::make_real_clock(kernel::kept_time(*data.store));
  std::unique_ptr<runtime::VirtualClock> virtual_clock;
  if (is_virtual) {
    virtual_clock = std::make_unique<runtime::VirtualClock>(
        runtime::kept_clock(*data.store),
        runtime::VirtualClock::Ports{.in_flight = InFlight{kernel}, .log = log_line});
    runtime::keep_clock(kernel, virtual_clock->state());
  }
  int exit_code = exit_done;
  runtime::KernelThread thread{
      kernel, is_virtual ? static_cast<runtime::Clock&>(*virtual_clock) : *real_clock,
      [&](const Error& error) {
        exit_code = complain("store", error.cause,
                             "What was acknowledged is safe. Make room or mend the disk, then "
                             "start kiban again.");
        server->stop();
      }};
  effects.set_kernel(&thread);
  thread.measure(batches);
  const auto uploads_directory_made = directory_for("uploads", in_memory, data.directory);
  if (!uploads_directory_made) return complain_about_data(uploads_directory_made.error());
  const std::string& uploads_directory = *uploads_directory_made;
  runtime::Frontend made{thread,
                         *data.blobs,
                         {.account = options.account,
                          .region = options.region,
                          .auth = auth,
                          .root = data.root,
                          .bodies = uploads_directory,
                          .metrics = &requests,
                          .find_key = find_key}};
  const auto post = [&server](std::function<void()> work) { server->post(std::move(work)); };
  made.set_post(post);
  auto uploads = runtime::Uploads::open(uploads_directory, *data.blobs);
  if (!uploads) return complain_about_data(uploads.error());
  runtime::Registry registry{thread,
                             *data.blobs,
                             *std::move(uploads),
                             post,
                             {.account = options.account,
                              .region = options.region,
                              .auth = auth,
                              .find_token = find_registry_token,
                              .virtual_clock = is_virtual}};
  server->set_plan([&](const runtime::HttpRequest& head, const runtime::Decide& decide) {
    if (auto refused = admission.refuse(head)) return decide({.refused = std::move(refused)});
    if (head.target.starts_with("/v2/")) return registry.plan(head, decide);
    made.plan(head, decide);
  });
  made.add_route("/v2/", [&registry](runtime::HttpRequest request, runtime::Respond respond) {
    registry.handle(std::move(request), std::move(respond));
  });
  for (const std::string_view path : {runtime::task_credentials_path, runtime::task_metadata_path})
    made.add_route(std::string(path),
                   containers::make_task_route(
                       path, thread, {.account = options.account, .region = options.region},
                       [&runner](const std::string& peer) { return runner->task_at(peer); }));
  made.add_route(std::string(runtime::signing_certificate_prefix),
                 [&signer](const runtime::HttpRequest& request, const runtime::Respond& respond) {
                   respond([made = certificate_reply(signer, request)] { return made; });
                 });
  made.add_route(std::string(services::cloudformation::signal_path),
                 make_signal_route(thread, options.account));
  made.add_route("/_kiban/mail", runtime::make_mail_route(mail.server, **mailbox),
                 runtime::Frontend::Access::Token);
  made.add_route("/_kiban/clock", runtime::make_clock_route(thread, virtual_clock.get()),
                 runtime::Frontend::Access::Token);
  made.add_route(std::string(missed_path), make_missed_route(thread),
                 runtime::Frontend::Access::Token);
  made.add_route(std::string(schedule_path), make_schedule_route(),
                 runtime::Frontend::Access::Token);
  made.add_route(std::string(console::link_path), console.link_handler(),
                 runtime::Frontend::Access::Token);
  made.add_route(std::string(console::console_path), console.handler());
  BackupRoute backup{
      thread,
      {.directory = data.directory, .key_file = options.key_file, .rows = data.store.get()}};
  made.add_route(std::string(backup_path), backup.handler(), runtime::Frontend::Access::Token);
  MetricsRoute metrics{{.kernel = thread,
                        .server = *server,
                        .fetcher = *fetcher,
                        .requests = requests,
                        .batches = batches,
                        .executions = executions,
                        .rows = *data.store,
                        .directory = options.ephemeral ? "" : data.directory}};
  made.add_route(std::string(metrics_path), metrics.handler(), runtime::Frontend::Access::Scrape);
  frontend = &made;
  thread.begin();
  // By then it has asked again for the tasks that were running.
  thread.visit([&runner](kernel::Kernel&) { runner->sweep(); });
  if (!data.directory.empty()) {
    const Result<void> written = write_server_file(data.directory, {.endpoint = endpoint,
                                                                    .account = options.account,
                                                                    .region = options.region,
                                                                    .auth = options.auth,
                                                                    .pid = ::getpid()});
    if (!written) return complain_about_data(written.error());
    const auto token =
        write_metrics_token(data.directory, runtime::metrics_token(data.root.secret_access_key));
    if (!token) return complain_about_data(token.error());
  }
  announce(options, data, endpoint);
  // Ctrl-C ends all of it; otherwise tasks and databases go on for the next start to take up.
  const bool ends_all = server->run() == SIGINT || options.ephemeral;
  if (ends_all) runner->end_tasks();
  if (is_virtual)
    thread.visit([&](kernel::Kernel& last) { runtime::keep_clock(last, virtual_clock->state()); });
  thread.stop();
  metrics.end();
  runner->end();
  if (!ends_all) databases->leave();
  databases.reset();
  // Pauses begin deliveries; all four report to `thread`, which must be there till then.
  pauses.reset();
  items_worker.reset();
  mail.stop->stop();  // A server that is silent must not hold up the end.
  mail_worker.reset();
  fetcher.reset();
  if (!data.directory.empty()) remove_server_file(data.directory);
  if (in_memory) remove_directory(uploads_directory);
  if (options.ephemeral) remove_directory(task_directory);
  return exit_code;
}

}  // namespace

namespace {

// nullopt: for ever.
Result<std::optional<Duration>> parse_retention(const std::string& text) {
  if (text == "forever") return std::nullopt;
  KIBAN_TRY(const Duration period, parse_duration(text));
  if (period < std::chrono::seconds{1})
    return fail("WrongUsage", fmt::format("'{}' is shorter than a second", text));
  return period;
}

// Functions' names to absolute paths of folders. Error `WrongUsage`.
Result<std::map<std::string, std::string>> code_folders(const std::vector<std::string>& given) {
  std::map<std::string, std::string> out;
  for (const std::string& each : given) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail("WrongUsage", fmt::format("'{}' names no function", each));
    std::error_code failed;
    const auto folder = std::filesystem::canonical(each.substr(equals + 1), failed);
    if (failed || !std::filesystem::is_directory(folder, failed))
      return fail("WrongUsage", fmt::format("{} is not a folder", each.substr(equals + 1)));
    out[each.substr(0, equals)] = folder.string();
  }
  return out;
}

services::MissedSchedules missed_schedules(std::string_view word) {
  using services::MissedSchedules;
  if (word == "all") return MissedSchedules::All;
  return word == "none" ? MissedSchedules::None : MissedSchedules::Last;
}

}  // namespace

int serve(const ServeOptions& options) {
  ::umask(077);  // Nothing that the server writes is for other users of this host.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // A file size limit is a write error, which the store reports.
  raise_descriptor_limit();
  end_abandoned();
  const Result<Address> address = parse_listen(options.listen);
  if (!address) {
    complain("serve", address.error().cause, "Write for example --listen 127.0.0.1:4566.");
    return exit_usage;
  }
  if (options.auth == "any" && !options.allow_remote && !is_loopback(address->host)) {
    complain("serve",
             fmt::format("with --auth any everybody who reaches {} is root, and other machines may",
                         address->host),
             "Listen on 127.0.0.1, or use --auth sigv4, or add --allow-remote if it is meant.");
    return exit_usage;
  }
  // Where nothing is bound to all addresses, the one that a request came in by is asked anyway.
  const auto admission = runtime::Admission::create({.addresses = {address->host},
                                                     .hosts = options.allow_hosts,
                                                     .origins = options.allow_origins});
  if (!admission) {
    complain("serve", admission.error().cause, "'kiban serve --help' shows how it is written.");
    return exit_usage;
  }
  const auto mail = mail_options(options);
  if (!mail) {
    complain("serve", mail.error().cause,
             "Write for example --smtp smtp://USER:PASSWORD@mail.example.com:587.");
    return exit_usage;
  }
  const auto retention = parse_retention(options.retention);
  if (!retention) {
    complain("serve", retention.error().cause,
             "Write for example --retention 90d, or --retention forever.");
    return exit_usage;
  }
  const auto mock_config = read_mock_config(options.mock_config);
  if (!mock_config)
    return complain("mock config", mock_config.error().cause,
                    "It must be in the format of Step Functions Local.");
  const auto folders = code_folders(options.code_folders);
  if (!folders)
    return complain("--code-dir", folders.error().cause, "Write FUNCTION=DIR, of a folder.");
  Result<Data> data = open_data(options);
  if (!data) return complain_about_data(data.error());
  // A process of this host does not know the names that containers resolve.
  return run_server(options, *address, *std::move(data), *admission,
                    {.mock_config = *mock_config,
                     .throttle = options.throttle == "aws" ? services::states::Throttle::Aws
                                                           : services::states::Throttle::Nested,
                     .retention = *retention,
                     .missed = missed_schedules(options.missed_schedules),
                     .hosts = options.allow_hosts,
                     .code_folders = *folders,
                     .database_host = options.tasks == "process" ? "127.0.0.1" : ""},
                    *mail);
}

}  // namespace kiban::cli
