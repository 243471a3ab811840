#include "postgres/egress.h"

#include <fmt/format.h>
#include <unistd.h>

#include "postgres/server.h"

namespace kiban::postgres {
namespace {

std::string table_of(std::uint32_t user) { return fmt::format("inet kiban_db_{}", user); }

}  // namespace

std::string nft_program() {
  for (const char* path : {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"})
    if (::access(path, X_OK) == 0) return path;
  return {};
}

Result<void> close_egress(std::uint32_t user, std::uint16_t port) {
  const std::string nft = nft_program();
  if (nft.empty()) return {};
  // The first packet of a connection is looked at, so no connection has to be tracked.
  const auto done = run_program(
      {nft, "-f", "-"}, "/",
      fmt::format("add table {0}\n"
                  "add chain {0} out {{ type filter hook output priority filter; }}\n"
                  "flush chain {0} out\n"
                  "add rule {0} out meta skuid != {1} accept\n"
                  "add rule {0} out tcp flags & (syn | ack) == syn tcp dport != {{ {2}-{3}{4} }} "
                  "reject with tcp reset\n",
                  table_of(user), user, port_first, port_last,
                  port >= port_first && port <= port_last ? "" : fmt::format(", {}", port)));
  if (done) return {};
  return fail("PostgresFailed",
              "can't keep the database from the host's network: " + done.error().cause);
}

void open_egress(std::uint32_t user) {
  const std::string nft = nft_program();
  if (user == 0 || nft.empty()) return;
  (void)run_program({nft, "-f", "-"}, "/",
                    fmt::format("add table {0}\ndelete table {0}\n", table_of(user)));
}

}  // namespace kiban::postgres
