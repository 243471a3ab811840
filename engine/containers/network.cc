#include "containers/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ifaddrs.h>
#include <linux/magic.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "containers/files.h"
#include "containers/netlink.h"
#include "containers/program.h"
#include "containers/user_namespace.h"
#include "runtime/child.h"

namespace kiban::containers {
namespace {

constexpr const char* bridge_name = "kiban0";

std::string namespace_name(const std::string& task) { return "kiban-" + task; }
std::string namespace_path(const std::string& task) { return "/run/netns/" + namespace_name(task); }
// At most 15 characters.
std::string link_name(const std::string& task) { return "kb" + task.substr(0, 12); }

// The owner of the bridge listens on a name that lives in the same network namespace as the bridge,
// and goes with its process. Returns the descriptor that holds it.
Result<int> take_lock() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = fmt::format("kiban/{}", bridge_name);
  std::memcpy(address.sun_path + 1, name.data(), name.size());  // Abstract: begins with a 0.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const int lock = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (lock < 0) return fail("ProgramFailed", std::strerror(errno));
  if (::bind(lock, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
      ::listen(lock, 1) == 0)
    return lock;
  ucred owner{};
  socklen_t length = sizeof owner;
  if (::connect(lock, reinterpret_cast<const sockaddr*>(&address), size) == 0)
    ::getsockopt(lock, SOL_SOCKET, SO_PEERCRED, &owner, &length);
  ::close(lock);
  return fail("BridgeTaken", fmt::format("the bridge {} belongs to another kiban, process {}",
                                         bridge_name, owner.pid));
}

// Tasks reach each other by way of the bridge's address.
void forward_between_tasks() {
  for (const auto& [name, value] : {std::pair("forwarding", "1"), std::pair("send_redirects", "0")})
    std::ofstream{fmt::format("/proc/sys/net/ipv4/conf/{}/{}", bridge_name, name)} << value;
}

// Whether an earlier kiban left the bridge ready: then it costs nothing at start.
bool has_address() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return false;
  bool found = false;
  in_addr wanted{};
  ::inet_pton(AF_INET, std::string(bridge_address).c_str(), &wanted);
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_in address{};
    std::memcpy(&address, one->ifa_addr, sizeof address);
    found = found || (std::string_view(one->ifa_name) == bridge_name &&
                      (one->ifa_flags & IFF_UP) != 0 && address.sin_addr.s_addr == wanted.s_addr);
  }
  ::freeifaddrs(all);
  return found;
}

std::string read_line(const std::string& path) {
  std::ifstream in{path};
  std::string line;
  std::getline(in, line);
  return line;
}

std::string forwarding_of(const std::string& interface) {
  return fmt::format("/proc/sys/net/ipv4/conf/{}/forwarding", interface);
}

// Those with a default route.
std::set<std::string> uplinks() {
  std::set<std::string> names;
  std::ifstream in{"/proc/thread-self/net/route"};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line};
    std::string name;
    std::string destination;
    if (words >> name >> destination && destination == "00000000") names.insert(name);
  }
  names.erase(bridge_name);
  return names;
}

bool has_tasks() {
  struct if_nameindex* all = ::if_nameindex();
  bool found = false;
  for (const auto* one = all; one != nullptr && one->if_index != 0; ++one) {
    const std::string_view name = one->if_name;
    found = found || (name.starts_with("kb") && name.size() == 14 &&
                      name.find_first_not_of("0123456789abcdef", 2) == name.npos);
  }
  if (all != nullptr) ::if_freenameindex(all);
  return found;
}

// The packets dropped at the bridge. Sets keep their elements when the rules are made again, as
// tasks outlive an engine. {0} is the bridge, {1} its address, {2} this server's port, {3} further
// rules.
//
// - `guard`: the traffic allowed between the bridge and the host's other networks.
// - `input`: what reaches the host itself. Linux answers to an address on every interface (the weak
//   host model, RFC 1122 3.3.4.2), so 169.254.170.2 is closed to all interfaces but the bridge and
//   loopback. Tasks reach this server's port, and what listens on 169.254.170.2 itself (databases),
//   but no service of the host that listens on all addresses ("wildcard").
// - `sent`: a task sends with its own MAC and IP address only, or it could answer ARP requests for
//   others. IPv6 is dropped, too.
constexpr std::string_view rules_template = R"(add table ip kiban
add set ip kiban outside {{ type ipv4_addr; }}
add chain ip kiban masked {{ type nat hook postrouting priority srcnat; }}
flush chain ip kiban masked
add rule ip kiban masked ip saddr @outside oifname != "{0}" masquerade
add chain ip kiban unforwarded
add chain ip kiban guard {{ type filter hook forward priority filter; }}
flush chain ip kiban guard
add rule ip kiban guard oifname "{0}" iifname != "{0}" ct state established,related accept
add rule ip kiban guard oifname "{0}" iifname != "{0}" drop
add rule ip kiban guard iifname "{0}" oifname != "{0}" ip saddr != @outside drop
add rule ip kiban guard iifname != "{0}" oifname != "{0}" jump unforwarded
add chain ip kiban input {{ type filter hook input priority filter; }}
flush chain ip kiban input
add rule ip kiban input ip daddr {1} iifname != {{ "{0}", "lo" }} drop
add rule ip kiban input iifname != "{0}" accept
add rule ip kiban input ct state established,related accept
{3}add rule ip kiban input ip daddr != {1} drop
add rule ip kiban input tcp dport {2} accept
add rule ip kiban input socket wildcard 0 accept
add rule ip kiban input drop
add table bridge kiban
add set bridge kiban tasks {{ type ifname . ether_addr . ipv4_addr; }}
add chain bridge kiban sent {{ type filter hook prerouting priority filter; }}
flush chain bridge kiban sent
add rule bridge kiban sent iifname != "kb*" accept
add rule bridge kiban sent ether type ip iifname . ether saddr . ip saddr @tasks accept
add rule bridge kiban sent ether type arp iifname . ether saddr . arp saddr ip @tasks iifname . arp saddr ether . arp saddr ip @tasks accept
add rule bridge kiban sent drop
)";

// Tasks with egress ask the name servers of their /etc/resolv.conf, which may be this host itself
// under an address that is not loopback.
std::string name_server_rules() {
  std::string rules;
  std::istringstream lines{name_servers_here()};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string word;
    std::string address;
    in_addr parsed{};
    if (!(words >> word >> address) || word != "nameserver" ||
        ::inet_pton(AF_INET, address.c_str(), &parsed) != 1)
      continue;
    rules += fmt::format(
        "add rule ip kiban input ip saddr @outside ip daddr {} meta l4proto {{ tcp, udp }} "
        "th dport 53 accept\n",
        address);
  }
  return rules;
}

// Of a task's interface. Addresses of tasks that run differ, so these do.
HardwareAddress hardware_address(const std::string& address) {
  in_addr parsed{};
  ::inet_pton(AF_INET, address.c_str(), &parsed);
  HardwareAddress hardware{0x02, 0x6b};  // The first byte says: locally administered, one host.
  std::memcpy(hardware.data() + 2, &parsed, sizeof parsed);
  return hardware;
}

std::string sender_element(const std::string& task, const std::string& address) {
  return fmt::format("element bridge kiban tasks {{ \"{}\" . {} . {} }}", link_name(task),
                     fmt::format("{:02x}", fmt::join(hardware_address(address), ":")), address);
}

// For hosts whose firewall drops unknown traffic, as Docker configures it. Our own guard still
// filters the traffic.
Result<void> open_firewall() {
  const std::string iptables = find_program("iptables");
  if (iptables.empty()) return {};
  const auto rules = run_program({iptables, "-w", "-S", "FORWARD"});
  if (!rules || rules->find("-P FORWARD DROP") == std::string::npos) return {};
  for (const auto* side : {"-i", "-o"}) {
    const std::string rule = fmt::format("{} {} -j ACCEPT", side, bridge_name);
    if (rules->find(rule) != std::string::npos) continue;
    KIBAN_TRY_VOID(
        run_program({iptables, "-w", "-I", "FORWARD", side, bridge_name, "-j", "ACCEPT"}));
  }
  return {};
}

void close_firewall() {
  const std::string iptables = find_program("iptables");
  const auto rules =
      iptables.empty() ? Result<std::string>("") : run_program({iptables, "-w", "-S", "FORWARD"});
  for (const auto* side : {"-i", "-o"}) {
    if (rules &&
        rules->find(fmt::format("{} {} -j ACCEPT", side, bridge_name)) != std::string::npos)
      (void)run_program({iptables, "-w", "-D", "FORWARD", side, bridge_name, "-j", "ACCEPT"});
  }
}

// As `ip netns add` prepares it: what is mounted in the folder is seen in all mount namespaces.
bool share_namespaces_folder() {
  constexpr const char* folder = "/run/netns";
  ::mkdir(folder, 0755);
  if (::mount("", folder, "none", MS_SHARED | MS_REC, nullptr) == 0) return true;
  return ::mount(folder, folder, "none", MS_BIND | MS_REC, nullptr) == 0 &&
         ::mount("", folder, "none", MS_SHARED | MS_REC, nullptr) == 0;
}

constexpr const char* network_of_thread = "/proc/thread-self/ns/net";

// Runs `work` in a network namespace: `enter` moves this thread there.
template <typename Enter, typename Work>
bool run_inside(const Enter& enter, const Work& work) {
  const runtime::Descriptor here{::open(network_of_thread, O_RDONLY | O_CLOEXEC)};
  if (here.number() < 0 || enter() != 0) return false;
  work();
  const int error = errno;
  KIBAN_CHECK(::setns(here.number(), CLONE_NEWNET) == 0, "a thread is lost in a task's network");
  errno = error;
  return true;
}

Result<runtime::Descriptor> new_network(std::optional<std::uint32_t> first_id) {
  if (first_id) return make_owned_network(*first_id);
  runtime::Descriptor made;
  const auto open = [&made] {
    made = runtime::Descriptor{::open(network_of_thread, O_RDONLY | O_CLOEXEC)};
  };
  if (run_inside([] { return ::unshare(CLONE_NEWNET); }, open) && made.number() >= 0) return made;
  return fail("ProgramFailed", std::strerror(errno));
}

// A socket of that network namespace.
Result<runtime::Descriptor> socket_inside(const runtime::Descriptor& network) {
  runtime::Descriptor made;
  const auto make = [&made] {
    made = runtime::Descriptor{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  };
  const auto enter = [&network] { return ::setns(network.number(), CLONE_NEWNET); };
  if (run_inside(enter, make) && made.number() >= 0) return made;
  return fail("ProgramFailed", fmt::format("can't enter a network: {}", std::strerror(errno)));
}

bool is_namespace(const std::string& path) {
  struct statfs found{};
  return ::statfs(path.c_str(), &found) == 0 && found.f_type == NSFS_MAGIC;
}

// Keeps the network namespace at `path`, where `ip netns` shows it.
Result<void> keep_namespace(const runtime::Descriptor& network, const std::string& path) {
  const runtime::Descriptor place{::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0)};
  const std::string source = fmt::format("/proc/self/fd/{}", network.number());
  if (share_namespaces_folder() && place.number() >= 0 &&
      ::mount(source.c_str(), path.c_str(), "none", MS_BIND, nullptr) == 0)
    return {};
  return fail("ProgramFailed", fmt::format("can't make {}: {}", path, std::strerror(errno)));
}

// Removes a task's links, route and namespace, but no rules: admit() may run beside it. False:
// nothing was there.
bool take_apart(const std::string& task, const std::string& address, Route route) {
  const bool linked = ::if_nametoindex(link_name(task).c_str()) != 0;
  const std::string path = namespace_path(task);
  if (!linked && ::access(path.c_str(), F_OK) != 0) return false;
  if (linked) {
    (void)delete_link(link_name(task));
    if (route == Route::Remove && !address.empty()) (void)delete_route(address, bridge_name);
  }
  ::umount2(path.c_str(), MNT_DETACH);
  ::unlink(path.c_str());
  return true;
}

sockaddr address_of(std::string_view text) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  ::inet_pton(AF_INET, std::string(text).c_str(), &in.sin_addr);
  sockaddr out{};
  std::memcpy(&out, &in, sizeof out);
  return out;
}

ifreq request_for(std::string_view interface) {
  ifreq request{};
  std::memcpy(request.ifr_name, interface.data(),
              std::min<std::size_t>(interface.size(), IFNAMSIZ - 1));
  return request;
}

bool bring_up(int socket, std::string_view interface) {
  ifreq request = request_for(interface);
  if (::ioctl(socket, SIOCGIFFLAGS, &request) != 0) return false;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  return ::ioctl(socket, SIOCSIFFLAGS, &request) == 0;
}

bool give_address(int socket, std::string_view interface, std::string_view address) {
  ifreq request = request_for(interface);
  request.ifr_addr = address_of(address);
  if (::ioctl(socket, SIOCSIFADDR, &request) != 0) return false;
  request.ifr_netmask = address_of("255.255.255.255");
  return ::ioctl(socket, SIOCSIFNETMASK, &request) == 0;
}

// To one host; or everywhere, by way of `gateway`.
bool add_route(int socket, std::string interface, std::string_view host,
               std::string_view gateway = {}) {
  rtentry route{};
  route.rt_dst = address_of(host);
  route.rt_genmask = address_of(gateway.empty() ? "255.255.255.255" : "0.0.0.0");
  route.rt_dev = interface.data();
  route.rt_flags = RTF_UP;
  if (gateway.empty()) {
    route.rt_flags |= RTF_HOST;
  } else {
    route.rt_flags |= RTF_GATEWAY;
    route.rt_gateway = address_of(gateway);
  }
  return ::ioctl(socket, SIOCADDRT, &route) == 0;
}

// The task's side: one address, and everything by way of the bridge's. `socket` is of there.
Result<void> set_up_inside(int socket, const std::string& address) {
  const bool done = bring_up(socket, "lo") && give_address(socket, "eth0", address) &&
                    bring_up(socket, "eth0") && add_route(socket, "eth0", bridge_address) &&
                    add_route(socket, "eth0", "0.0.0.0", bridge_address);
  if (done) return {};
  return fail("ProgramFailed",
              fmt::format("can't set up the task's interface: {}", std::strerror(errno)));
}

}  // namespace

Result<runtime::Descriptor> listen_inside(const std::string& network, std::uint16_t port) {
  const runtime::Descriptor place{::open(network.c_str(), O_RDONLY | O_CLOEXEC)};
  runtime::Descriptor made;
  const auto make = [&made, port] {
    made = runtime::Descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(made.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(made.number(), SOMAXCONN) != 0)
      made = runtime::Descriptor{};
  };
  const auto enter = [&place] { return ::setns(place.number(), CLONE_NEWNET); };
  if (place.number() >= 0 && run_inside(enter, make) && made.number() >= 0) return made;
  return fail("ProgramFailed",
              fmt::format("can't listen in {}: {}", network, std::strerror(errno)));
}

std::string name_servers(const std::string& resolv_conf, const std::string& upstream) {
  std::istringstream in{resolv_conf};
  std::string kept;
  bool found = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line};
    std::string word;
    std::string address;
    words >> word >> address;
    if (word == "nameserver" && (address.starts_with("127.") || address == "::1")) continue;
    found = found || word == "nameserver";
    kept += line + "\n";
  }
  return found ? kept : upstream;
}

std::string name_servers_here() {
  return name_servers(read_file("/etc/resolv.conf"), read_file("/run/systemd/resolve/resolv.conf"));
}

Bridge::Bridge(std::string ip, int lock)
    : ip_(std::move(ip)), nft_(find_program("nft")), lock_(lock) {}

Result<std::unique_ptr<Bridge>> Bridge::create(std::uint16_t port) {
  const std::string ip = find_program("ip");
  if (ip.empty()) return fail("ProgramFailed", "the program ip (package iproute2) is missing");
  KIBAN_TRY(const int lock, take_lock());
  std::unique_ptr<Bridge> bridge{new Bridge{ip, lock}};
  if (bridge->nft_.empty())
    return fail("ProgramFailed", "the program nft (package nftables) is missing");
  // First, so that nothing is open for a moment.
  KIBAN_TRY_VOID(bridge->set_up_rules(port));
  if (has_address()) return bridge;
  std::string batch;
  if (::if_nametoindex(bridge_name) == 0)
    batch = fmt::format("link add {} type bridge\n", bridge_name);
  batch += fmt::format("addr replace {}/32 dev {}\nlink set {} up\n", bridge_address, bridge_name,
                       bridge_name);
  KIBAN_TRY_VOID(run_program({ip, "-batch", "-"}, batch));
  forward_between_tasks();
  return bridge;
}

void Bridge::remove_unused() {
  if (::if_nametoindex(bridge_name) == 0 || has_tasks()) return;
  const Result<int> lock = take_lock();
  if (lock) const Bridge removed{find_program("ip"), *lock};
}

std::unique_ptr<Bridge> Bridge::borrow() {
  return std::unique_ptr<Bridge>{new Bridge{find_program("ip"), -1}};
}

Bridge::~Bridge() {
  const bool owner = lock_ >= 0;
  if (owner && !has_tasks()) remove();
  if (owner) ::close(lock_);
}

void Bridge::remove() const {
  if (!nft_.empty()) {
    // Ends the forwarding that was enabled for tasks.
    const auto rules = run_program({nft_, "list", "chain", "ip", "kiban", "unforwarded"});
    for (const std::string& name : uplinks())
      if (rules && rules->find(fmt::format("iifname \"{}\"", name)) != std::string::npos)
        std::ofstream{forwarding_of(name)} << 0;
    for (const auto* family : {"ip", "bridge"})
      (void)run_program({nft_, "delete", "table", family, "kiban"});
    close_firewall();
  }
  if (::if_nametoindex(bridge_name) != 0) (void)run_program({ip_, "link", "del", bridge_name});
}

Result<void> Bridge::set_up_rules(std::uint16_t port) const {
  std::string rules =
      fmt::format(rules_template, bridge_name, bridge_address, port, name_server_rules());
  if (!has_tasks()) rules += "flush set ip kiban outside\nflush set bridge kiban tasks\n";
  KIBAN_TRY_VOID(run_program({nft_, "-f", "-"}, rules));
  return {};
}

std::string Bridge::egress_rules(const std::string& address) {
  std::string batch = fmt::format("add element ip kiban outside {{ {} }}\n", address);
  for (const std::string& name : uplinks()) {
    if (read_line(forwarding_of(name)) != "0") continue;
    batch += fmt::format("add rule ip kiban unforwarded iifname \"{}\" drop\n", name);
    std::ofstream{forwarding_of(name)} << 1;
  }
  return batch;
}

Result<std::string> Bridge::attach(const std::string& task, const std::string& address,
                                   std::optional<std::uint32_t> first_id) {
  std::string path = namespace_path(task);
  if (is_namespace(path) && ::if_nametoindex(link_name(task).c_str()) != 0) {
    // An ended task with the same address may have been cleared away since a restart.
    KIBAN_TRY_VOID(replace_route(address, bridge_name, std::string(bridge_address)));
    return path;
  }
  take_apart(task, address, Route::Remove);  // The incomplete state of a crash.
  KIBAN_TRY(const runtime::Descriptor network, new_network(first_id));
  KIBAN_TRY(const runtime::Descriptor socket, socket_inside(network));
  KIBAN_TRY_VOID(add_veth({.name = link_name(task),
                           .bridge = bridge_name,
                           .other_namespace = network.number(),
                           .peer_address = hardware_address(address)}));
  KIBAN_TRY_VOID(replace_route(address, bridge_name, std::string(bridge_address)));
  KIBAN_TRY_VOID(set_up_inside(socket.number(), address));
  // Last: a namespace that is found after a crash is complete.
  KIBAN_TRY_VOID(keep_namespace(network, path));
  return path;
}

Result<void> Bridge::admit(const std::string& task, const std::string& address,
                           Egress egress) const {
  std::string rules = fmt::format("add {}\n", sender_element(task, address));
  if (egress == Egress::Allowed) rules += egress_rules(address);
  KIBAN_TRY_VOID(run_program({nft_, "-f", "-"}, rules));
  if (egress == Egress::Allowed) return open_firewall();
  return {};
}

void Bridge::disconnect(const std::string& task) const {
  ifreq request = request_for(link_name(task));
  if (::ioctl(lock_, SIOCGIFFLAGS, &request) != 0) return;
  request.ifr_flags = static_cast<short>(request.ifr_flags & ~IFF_UP);
  (void)::ioctl(lock_, SIOCSIFFLAGS, &request);
}

void Bridge::revoke_egress(const std::string& address) const {
  if (nft_.empty()) return;
  (void)run_program({nft_, "delete", "element", "ip", "kiban", "outside", "{ " + address + " }"});
}

void Bridge::detach(const std::string& task, const std::string& address, Route route) {
  if (!take_apart(task, address, route) || address.empty() || nft_.empty()) return;
  (void)run_program({nft_, "-f", "-"}, fmt::format("delete {}\n", sender_element(task, address)));
}

}  // namespace kiban::containers
