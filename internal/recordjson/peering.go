package recordjson

var (
	timestamp = newMessage(number(1, "seconds"), number(2, "nanos"))

	peering = newMessage(
		text(1, "ID"), text(2, "Name"), text(3, "Partition"), within(4, "DeletedAt", timestamp), textMap(5, "Meta"),
		number(6, "State"), text(7, "PeerID"), texts(8, "PeerCAPems"), text(9, "PeerServerName"), texts(10, "PeerServerAddresses"),
		other(13, "StreamStatus"), number(11, "CreateIndex"), number(12, "ModifyIndex"),
		within(17, "Remote", newMessage(text(1, "Partition"), text(2, "Datacenter"))), texts(18, "ManualServerAddresses"),
	)

	trustBundle = newMessage(
		text(1, "TrustDomain"), text(2, "PeerName"), text(3, "Partition"), texts(4, "RootPEMs"), text(5, "ExportedPartition"),
		number(6, "CreateIndex"), number(7, "ModifyIndex"),
	)

	peeringSecrets = newMessage(
		text(1, "PeerID"),
		within(2, "establishment", newMessage(text(1, "SecretID"))),
		within(3, "stream", newMessage(text(1, "ActiveSecretID"), text(2, "PendingSecretID"))),
	)

	resourceID = newMessage(
		text(1, "uid"), text(2, "name"),
		within(3, "type", newMessage(text(1, "group"), text(2, "groupVersion"), text(3, "kind"))),
		within(4, "tenancy", newMessage(text(1, "partition"), text(2, "namespace"))),
	)

	resource = newMessage(
		within(1, "id", resourceID), within(2, "owner", resourceID), text(3, "version"), text(4, "generation"),
		textMap(5, "metadata"), messageField{num: 6, name: "status", encode: protoBytes, many: true},
		within(7, "data", newMessage(text(1, "@type"), other(2, "value"))),
	)
)
