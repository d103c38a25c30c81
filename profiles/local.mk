# SPDX-License-Identifier: Apache-2.0
profilesdir = $(pkgdatadir)/profiles
dist_profiles_DATA = %D%/debian-server.json %D%/inventory.json \
	%D%/lab-pc.json
profileschemadir = $(profilesdir)/schema
dist_profileschema_DATA = %D%/schema/inventory.json \
	%D%/schema/profile.json
