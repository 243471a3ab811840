// The server's side of `kiban backup`.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include "cli/backup.h"
#include "cli/backup_files.h"
#include "cli/backup_manifest.h"
#include "cli/version.h"
#include "core/time.h"
#include "postgres/backup.h"
#include "postgres/server.h"
#include "runtime/json_reply.h"
#include "runtime/keys.h"
#include "runtime/worker.h"
#include "store/checkpoint.h"
#include "store/format.h"

namespace kiban::cli {
namespace {

namespace fs = std::filesystem;
using runtime::HttpRequest;
using runtime::refuse;
using runtime::Respond;
using runtime::respond_with;

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

// An absolute path outside of `data` that does not exist or is an empty directory.
Result<std::string> usable(const json::object& body, const std::string& data) {
  const json::string* given = find_string(body, "directory");
  if (given == nullptr || !given->starts_with('/'))
    return fail("WrongUsage", R"(Give "directory", an absolute path.)");
  std::error_code failed;
  const fs::path wanted = fs::weakly_canonical(to_string(*given), failed);
  const std::string inside = fs::weakly_canonical(data, failed).string() + "/";
  if (failed) return fail("WrongUsage", to_string(*given) + ": " + failed.message());
  if ((wanted.string() + "/").starts_with(inside))
    return fail("WrongUsage", wanted.string() + " is in the data directory");
  if (fs::exists(wanted, failed) &&
      (!fs::is_directory(wanted, failed) || !fs::is_empty(wanted, failed)))
    return fail("WrongUsage", wanted.string() + " exists and is not empty");
  return wanted.string();
}

}  // namespace

struct BackupRoute::State {
  State(runtime::KernelThread& of, BackupSource from) : kernel(of), source(std::move(from)) {}

  void post(const HttpRequest& request, const Respond& respond);
  void begin(const std::string& directory, const Respond& respond);
  void work(const std::string& directory, const Respond& respond);
  Result<json::object> copy_all(const std::string& directory);
  json::object shown();
  void enter(std::string phase) {
    const std::scoped_lock lock{mutex};
    doing = std::move(phase);
  }

  runtime::KernelThread& kernel;
  BackupSource source;
  CopyProgress progress{};
  std::mutex mutex{};
  std::string doing{};  // Empty: nothing is under way.
  std::unique_ptr<runtime::Worker> worker{std::make_unique<runtime::Worker>()};
};

json::object BackupRoute::State::shown() {
  const std::scoped_lock lock{mutex};
  return {{"doing", doing.empty() ? "nothing" : doing},
          {"files", progress.files.load()},
          {"bytes", progress.bytes.load()}};
}

void BackupRoute::State::post(const HttpRequest& request, const Respond& respond) {
  const Result<json::value> body = parse_json(request.body);
  if (!body || !body->is_object()) return refuse(respond, 400, "The body is not a JSON object.");
  const Result<std::string> directory = usable(body->get_object(), source.directory);
  if (!directory) return refuse(respond, 400, directory.error().cause);
  {
    const std::scoped_lock lock{mutex};
    if (!doing.empty()) return refuse(respond, 409, "A backup is under way.");
    doing = "keys";
  }
  begin(*directory, respond);
}

// The keys of this directory become rows, which are encrypted; once these are on disk, the copies
// are made on a thread of their own.
void BackupRoute::State::begin(const std::string& directory, const Respond& respond) {
  kernel.visit_until([this, directory, respond, kept = false](kernel::Kernel& visited) mutable {
    if (!kept && !visited.failed()) {
      kept = true;
      for (const std::string_view name : backup_private_files)
        if (auto text = read_text(fmt::format("{}/{}", source.directory, name)))
          visited.keep(backup_file_row(name), *std::move(text));
      if (visited.busy()) return false;  // Once more when that is on disk.
    }
    if (visited.failed()) {
      enter("");
      refuse(respond, 503, "The store failed.");
    } else {
      worker->post([this, directory, respond] { work(directory, respond); });
    }
    return true;
  });
}

void BackupRoute::State::work(const std::string& directory, const Respond& respond) {
  progress.files = 0;
  progress.bytes = 0;
  const Result<json::object> made = copy_all(directory);
  if (!made) {  // An incomplete backup is of no use.
    std::error_code ignored;
    for (const auto* part : {"rows", "blobs", "databases"})
      fs::remove_all(fmt::format("{}/{}", directory, part), ignored);
  }
  enter("");
  if (made)
    respond_with(respond, 200, *made);
  else
    refuse(respond, 500, made.error().cause);
}

Result<json::object> BackupRoute::State::copy_all(const std::string& directory) {
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (!failed) fs::permissions(directory, fs::perms::owner_all, failed);
  if (failed)
    return fail("StoreFailed", fmt::format("can't create {}: {}", directory, failed.message()));
  enter("rows");
  const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
  KIBAN_TRY_VOID(store::checkpoint_rows(*source.rows, directory + "/rows"));
  enter("blobs");  // After the rows: what these name was there before them.
  KIBAN_TRY_VOID(
      copy_files(source.directory + "/blobs", directory + "/blobs", CopyMode::Link, progress));
  const std::uint64_t blobs = progress.files;
  enter("databases");
  KIBAN_TRY(const std::size_t databases,
            postgres::back_up_servers(source.directory + "/databases", postgres::postgres_folders(),
                                      directory + "/databases",
                                      [this] { return progress.stopped.load(); }));
  enter("sync");
  KIBAN_TRY_VOID(sync_file_system(directory));
  const json::object manifest{
      {"Kiban", version},
      {"Format", store::format_current},
      {"Time", format_iso8601(now)},
      {"Data", fs::absolute(source.directory, failed).string()},
      {"KeyFile",
       fs::absolute(source.key_file.empty() ? source.directory + "/key" : source.key_file, failed)
           .string()},
      {"Blobs", blobs},
      {"BlobBytes", progress.bytes.load()},
      {"Databases", databases}};
  KIBAN_TRY_VOID(
      runtime::write_private(directory + "/" + std::string(backup_manifest), print_json(manifest)));
  return manifest;
}

BackupRoute::BackupRoute(runtime::KernelThread& kernel, BackupSource source)
    : state_(std::make_shared<State>(kernel, std::move(source))) {}

BackupRoute::~BackupRoute() {
  state_->progress.stopped = true;
  state_->worker.reset();
}

runtime::Handler BackupRoute::handler() {
  return [state = state_](const HttpRequest& request, const Respond& respond) {
    if (state->source.directory.empty())
      return refuse(respond, 409, "Nothing is kept on disk: there is nothing to back up.");
    if (request.method == "GET") return respond_with(respond, 200, state->shown());
    if (request.method != "POST")
      return refuse(respond, 405, "GET shows the backup under way, POST makes one.");
    state->post(request, respond);
  };
}

}  // namespace kiban::cli
