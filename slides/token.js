// The presenter's token comes in the address, and leaves it at once: the address is on a projector.
{
  const address = new URL(location);
  if (address.searchParams.has("token")) {
    sessionStorage.setItem("token", address.searchParams.get("token"));
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
}
