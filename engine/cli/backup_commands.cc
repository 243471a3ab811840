// kiban backup, kiban restore.
#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/backup.h"
#include "cli/backup_files.h"
#include "cli/backup_manifest.h"
#include "cli/data_directory.h"
#include "cli/data_errors.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "postgres/backup.h"
#include "runtime/frontend.h"
#include "runtime/http_client.h"
#include "runtime/keys.h"
#include "store/format.h"
#include "store/rocksdb_store.h"

namespace kiban::cli {
namespace {

namespace fs = std::filesystem;

std::string how_it_stands(const Client& client) {
  const auto status = client.get_own(std::string(backup_path), std::chrono::seconds{1});
  if (!status) return "";
  return fmt::format("{}, {} files, {:.1f} MiB", text_of(*status, "doing"),
                     number_of(*status, "files"), number_of(*status, "bytes") / (1 << 20));
}

void print_backup(const json::object& manifest, const std::string& directory) {
  fmt::print("Backed up to {}: rows of {}, {} blobs ({:.1f} MiB), {} running databases.\n",
             directory, text_of(manifest, "Time"), number_of(manifest, "Blobs"),
             number_of(manifest, "BlobBytes") / (1 << 20), number_of(manifest, "Databases"));
  fmt::print("The key is not in it. Without {} the rows can't be read: keep a copy elsewhere.\n",
             text_of(manifest, "KeyFile"));
}

Result<json::object> read_manifest(const std::string& backup) {
  std::ifstream in{backup + "/" + std::string(backup_manifest)};
  if (!in)
    return fail("NoBackup", fmt::format("there is no {}/{}: this is not a complete backup", backup,
                                        backup_manifest));
  std::ostringstream text;
  text << in.rdbuf();
  const auto value = parse_json(text.str());
  if (!value || !value->is_object() || find(value->get_object(), "Format") == nullptr)
    return fail("NoBackup", fmt::format("{}/{} can't be read", backup, backup_manifest));
  return value->get_object();
}

Result<void> check_manifest(const json::object& manifest) {
  if (number_of(manifest, "Format") <= store::format_current) return {};
  return fail("FormatNewer",
              fmt::format("the backup is of format {}, made by kiban {}; this is kiban {}, which "
                          "reads formats up to {}",
                          number_of(manifest, "Format"), text_of(manifest, "Kiban"), version,
                          store::format_current));
}

// Tells whether the key fits, and makes files of the keys that are rows.
Result<void> unpack_private_files(const std::string& rows_directory, const std::string& key_file,
                                  const std::string& data) {
  KIBAN_TRY(const auto rows, open_rows_at(rows_directory, key_file));
  for (const std::string_view name : backup_private_files)
    if (const auto text = rows->get(backup_file_row(name)))
      KIBAN_TRY_VOID(runtime::write_private(fmt::format("{}/{}", data, name), *text));
  return {};
}

// The rows come last and are renamed when all is on disk: without them there is no data.
Result<void> restore_all(const std::string& backup, const std::string& data,
                         const std::string& key_file, CopyProgress& progress) {
  const std::string rows = data + "/rows.restoring";
  std::error_code failed;
  for (const std::string& left : {rows, data + "/databases"}) {
    fs::remove_all(left, failed);
    if (failed)
      return fail("StoreFailed", fmt::format("can't remove {}: {}", left, failed.message()));
  }
  KIBAN_TRY_VOID(copy_files(backup + "/rows", rows, CopyMode::Copy, progress));
  KIBAN_TRY_VOID(unpack_private_files(rows, key_file, data));
  KIBAN_TRY_VOID(copy_files(backup + "/blobs", data + "/blobs", CopyMode::Copy, progress));
  KIBAN_TRY_VOID(postgres::restore_servers(backup + "/databases", data + "/databases"));
  KIBAN_TRY_VOID(sync_file_system(data));
  fs::rename(rows, data + "/rows", failed);
  if (failed) return fail("StoreFailed", fmt::format("{}: {}", rows, failed.message()));
  return sync_file_system(data);
}

}  // namespace

int back_up(const ClientOptions& options, const std::string& directory,
            const OutputOptions& output) {
  const Client client = make_client(options);
  std::error_code failed;
  const std::string absolute = fs::absolute(directory, failed).lexically_normal().string();
  const runtime::Fetch request{
      .method = "POST",
      .url = client.endpoint + std::string(backup_path),
      .headers = {{"X-Kiban-Token", runtime::own_token(client.secret_access_key)},
                  {"Content-Type", "application/json"}},
      .body = print_json(json::object{{"directory", absolute}}),
      .timeout = std::chrono::hours{24}};
  const auto reply = [&] {
    const Progress progress{"Backing up", [&client] { return how_it_stands(client); }};
    return runtime::fetch(request);
  }();
  if (!reply) return complain_about_call("backup", client, reply.error());
  const auto answer = parse_json(reply->body);
  if (!answer || !answer->is_object())
    return complain("backup", "this is not kiban: " + reply->body.substr(0, 100),
                    "See --endpoint.");
  if (reply->status != 200)
    return complain("backup", text_of(answer->get_object(), "message"),
                    reply->status == 403
                        ? "Name the server's data directory with --data DIR."
                        : "Name a directory that does not exist yet, on a disk with room, which "
                          "the server may write to.");
  if (output.json)
    print_json_line(*answer);
  else
    print_backup(answer->get_object(), absolute);
  return exit_done;
}

int restore(const RestoreOptions& options) {
  ::umask(077);
  const std::string data = options.data.empty() ? default_data_directory() : options.data;
  const auto manifest = read_manifest(options.backup);
  if (!manifest)
    return complain("restore", manifest.error().cause, "Name a directory that kiban backup made.");
  if (const auto checked = check_manifest(*manifest); !checked)
    return complain("restore", checked.error().cause, "Restore it with that kiban or a later one.");
  std::error_code ignored;
  if (fs::exists(data + "/rows", ignored))
    return complain("restore", "there is data in " + data,
                    "Name another directory with --data DIR, or erase this one: kiban reset.");
  const std::string key_file = options.key_file.empty() ? data + "/key" : options.key_file;
  if (!fs::exists(key_file, ignored))
    return complain("restore", "the key file " + key_file + " is missing",
                    fmt::format("Name a copy of {}, as it was at the backup, with --key-file FILE: "
                                "the rows can't be read without it.",
                                text_of(*manifest, "KeyFile")));
  if (const auto made = make_private(data); !made) return complain_about_data(made.error());
  CopyProgress progress;
  const Result<void> restored = [&] {
    const Progress shown{"Restoring", [&progress] {
                           return fmt::format("{} files, {:.1f} MiB", progress.files.load(),
                                              static_cast<double>(progress.bytes) / (1 << 20));
                         }};
    return restore_all(options.backup, data, key_file, progress);
  }();
  if (!restored) return complain_about_data(restored.error());
  fmt::print("Restored {} of {} to {}. Now: kiban serve --data {}{}\n", options.backup,
             text_of(*manifest, "Time"), data, data,
             options.key_file.empty() ? "" : " --key-file " + options.key_file);
  return exit_done;
}

}  // namespace kiban::cli
