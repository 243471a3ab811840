// Limits the connections that a database server may open. Its master user can make it a client: by
// roles that write its settings, a server becomes the standby of another host. The servers share
// the host's network, where services may trust every connection over loopback.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"

namespace kiban::postgres {

// Ports of servers: away from 5432, where Debian's own server is, and from the ports that outgoing
// connections take.
constexpr std::uint16_t port_first = 15432;
constexpr std::uint16_t port_last = 16431;

// The program nft; empty when it is not installed, and then egress is open.
std::string nft_program();

// Processes of this user connect by TCP to `port` and the ports of other databases only (as a
// foreign data wrapper does), wherever these are; other connections are refused: a table `inet
// kiban_db_UID` of nftables. Error `PostgresFailed`.
Result<void> close_egress(std::uint32_t user, std::uint16_t port);
// Removes that table, if it is there.
void open_egress(std::uint32_t user);

}  // namespace kiban::postgres
