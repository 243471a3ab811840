#include "cli/data_errors.h"

#include <utility>

#include "cli/report.h"

namespace kiban::cli {

int complain_about_data(const Error& error) {
  constexpr std::pair<const char*, const char*> advice[] = {
      {"StoreLocked", "Stop the kiban that serves it, or choose another directory with --data."},
      {"StoreFull", "Make room on that disk, then start kiban again: nothing is lost."},
      {"StoreCorrupt",
       "What is on disk is damaged. Restore the data directory from a backup, or choose an empty "
       "one with --data."},
      {"KeyMissing",
       "Put the key back, or name it with --key-file FILE. Without it the rows can't "
       "be read."},
      {"KeyWrong", "Name the right key with --key-file FILE, or restore it from a backup."},
      {"KeyUnusable", "Name a key file that can be used with --key-file FILE."},
      {"FormatNewer",
       "Serve it with that kiban or a later one, or restore a backup from before the upgrade."},
      {"FormatUnreadable",
       "What is on disk is damaged. Restore the data directory from a backup, or choose an empty "
       "one with --data."}};
  for (const auto& [name, what_to_do] : advice)
    if (error.name == name) return complain("data", error.cause, what_to_do);
  return complain("data", error.cause,
                  "Choose a directory you can write to with --data, or keep nothing with "
                  "--ephemeral.");
}

}  // namespace kiban::cli
